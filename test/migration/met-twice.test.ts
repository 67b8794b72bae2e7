/** SCAN may give a key twice, in one page or in two: it is one suspect, and a repair tells of it once. */
import { expect, test } from "vitest";
import { Findings } from "../../src/migration/verify/findings.js";
import { Repair } from "../../src/migration/verify/repair.js";
import { SecondLook } from "../../src/migration/verify/second-look.js";
import { lookAtBoth } from "../../src/migration/verify/side-by-side.js";
import { useFixture } from "./fixture.js";

const fixture = useFixture();

test("a counter that two pages of a verify met is found and repaired once", async () => {
  const { context } = fixture();
  const usage = fixture().counters("usage");
  const id = "email:ann@example.org:daily:2026-01-01";
  await fixture().redis.set(usage.redisKey(id), "7");
  await fixture().term();
  const second = new SecondLook(context, "redis");
  const look = async () => second.suspects(usage, [id], await lookAtBoth(context, usage, [id]), Date.now());
  const { findings } = await second.settle([...(await look()), ...(await look())]);
  expect(findings).toMatchObject([{ kind: "missing", collection: "usage", id }]);

  const reign = { authority: "redis", term: await fixture().term() } as const;
  const told = new Findings(["usage"], { showKeys: false, examples: 1 });
  await new Repair(context, reign, told).heal(findings, []);
  expect(told.report().usage).toMatchObject({ repaired: 1 });
  expect((await context.postgres.store.readCounters(usage, [id])).held).toMatchObject([
    { kind: "value", redisPart: 7 },
  ]);
});
