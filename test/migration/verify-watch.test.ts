/** A verify that goes on: how old each difference is, and how it ends. */
import { expect, test } from "vitest";
import { ConfigurationError } from "../../src/errors.js";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { type VerifyRound, watchVerify } from "../../src/migration/verify/watch.js";
import { startCli } from "../cli/run-cli.js";
import { waitFor } from "../support/wait-for.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
const key = (name: string) => `threadr:email:${name}@example.org`;

test("a difference grows older from round to round, until it is gone; one that comes back is new", async () => {
  const { redis, context } = fixture();
  await redis.set(key("ann"), signUp());
  const rounds = watchVerify(context, { intervalMs: 1, showKeys: true });
  const next = async () => (await rounds.next()).value as VerifyRound;
  expect((await next()).open).toMatchObject([{ kind: "missing", key: key("ann"), ageMs: 0 }]);
  await redis.set(key("bob"), signUp());
  const second = await next();
  expect(second.open).toMatchObject([{ key: key("ann") }, { key: key("bob"), ageMs: 0 }]);
  const age = second.open[0]?.ageMs as number;
  expect(age).toBeGreaterThan(0);
  expect((await next()).open[0]?.ageMs).toBeGreaterThan(age);
  await backfill(context);
  expect(await next()).toMatchObject({ clean: true, open: [] });
  expect(await context.evidence.of("users")).toMatchObject({ verifiedClean: true });
  await redis.set(key("ann"), signUp({ source: "changed" }));
  expect((await next()).open).toMatchObject([{ kind: "value", key: key("ann"), ageMs: 0 }]);
  await rounds.return();
});

test("ends with its signal, and watches no sample", async () => {
  const stop = new AbortController();
  const rounds = watchVerify(fixture().context, { signal: stop.signal });
  await rounds.next();
  const resting = rounds.next();
  stop.abort();
  await expect(resting).rejects.toThrow(/abort/i);
  const sampled = watchVerify(fixture().context, { sample: { share: 0.5 } } as object);
  await expect(sampled.next()).rejects.toThrow(ConfigurationError);
});

test("the command tells one JSON document a round, and ends with 0 at Ctrl-C", async () => {
  const { redis, urls } = fixture();
  await redis.set(key("ann"), signUp());
  const env = { REDIS_URL: urls.redis, DATABASE_URL: urls.postgres };
  const { child, ran } = await startCli(["verify", "--watch", "--interval", "1", "--json"], env);
  let shown = "";
  child.stdout?.on("data", (text: string) => {
    shown += text;
  });
  await waitFor(() => shown.split("\n").length > 2, { timeoutMs: 90_000 });
  child.kill("SIGINT");
  const { code, stdout } = await ran;
  expect(code).toBe(0);
  const rounds = stdout.trimEnd().split("\n");
  const [first, second] = rounds.map((line) => JSON.parse(line) as VerifyRound);
  expect(first?.open).toMatchObject([{ kind: "missing", ageMs: 0 }]);
  expect(second?.open[0]?.ageMs).toBeGreaterThan(0);
  expect(stdout).not.toContain("ann@");
}, 120_000);
