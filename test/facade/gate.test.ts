/** The gate: each failing check is named with its figure and remedy, nobody notices the refusal, and a forced passage is used once. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { type DualWriteStore, type GateCheck, GateRefusedError } from "../../src/index.js";
import { drained, ledger, ledgers, legacyKey, Past, untilAuthority } from "../faults/support.js";
import { Traffic } from "../faults/traffic.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";

let pair: Pair;
let past: Past;

beforeEach(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterEach(async () => {
  await past?.end();
  await pair?.end();
});

async function refusal(store: DualWriteStore): Promise<GateRefusedError> {
  const error = await store.setStrategy("POSTGRES_PRIMARY").then(
    () => expect.fail("the gate let it pass"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GateRefusedError);
  return error as GateRefusedError;
}
const failing = (checks: readonly GateCheck[]) => checks.filter((check) => !check.passed);
/** A difference that nobody has explained: the gate's evidence is in the control tables. */
const diverge = () =>
  past.sql`INSERT INTO dual_write_divergence (kind, collection, key_hash) VALUES ('value', 'user_sessions', 'k')`;

it("refuses under traffic without disturbing it, in a process that asks and in one that waits", async () => {
  const deadlines = { read: 5000, write: 10_000 };
  const stores = [await pair.open("DUAL_WRITE", { deadlines }), await pair.open("DUAL_WRITE", { deadlines })];
  const [asking] = stores as [DualWriteStore, DualWriteStore];
  await untilAuthority(stores, "redis");
  await ledgers(asking).put("shared", ledger());
  await past.redis.set(legacyKey("legacy"), JSON.stringify(ledger("legacy")));
  await diverge();
  const traffic = new Traffic(stores);
  await traffic.some(40);
  for (let n = 0; n < 3; n++) {
    const { checks, message } = await refusal(asking);
    expect(failing(checks).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["user_sessions: clean verify", "user_sessions: no unexplained divergence"]),
    );
    for (const { name, figure, remedy } of failing(checks)) {
      expect(message).toContain(`${name}: ${figure}. ${remedy}`);
      expect(remedy.length).toBeGreaterThan(10);
    }
    await traffic.some(20);
  }
  // Every process has crossed, so that only the gate holds the authority up.
  for (const [slot, old] of traffic.slots.entries()) {
    traffic.slots[slot] = await pair.open("POSTGRES_PRIMARY", { deadlines });
    await old.close();
  }
  await waitFor(async () => (await traffic.slots[0]?.health())?.waitingFor?.includes("no unexplained divergence"), {
    what: "the gate to be what is waited for",
  });
  await traffic.some(60);
  expect((await traffic.slots[0]?.health())?.authority).toBe("redis");
  await traffic.stop();
  traffic.expectServed();
  await drained(traffic.slots[0] as DualWriteStore);
  await traffic.expectKept(past);
}, 40_000);

it("counts what is set aside, until it is sent again or dropped", async () => {
  const store = await pair.open("DUAL_WRITE");
  await untilAuthority(store, "redis");
  const set = (source: string) =>
    past.sql`INSERT INTO dual_write_rejects (collection, key, reason, source) VALUES ('user_sessions', ${source}, 'no', ${source})`;
  for (const source of ["drain", "backfill", "repair"]) await set(source);
  const { checks } = await refusal(store);
  // What a repair replaced is kept for people only.
  expect(failing(checks)).toMatchObject([
    {
      name: "user_sessions: nothing set aside",
      figure: expect.stringMatching(/^2 set aside/),
      remedy: expect.stringContaining("dual-write rejects"),
    },
  ]);
  await past.sql`DELETE FROM dual_write_rejects`;
  await store.setStrategy("POSTGRES_PRIMARY");
  await untilAuthority(store, "postgres");

  // On the way back only what Redis refused counts.
  await set("backfill");
  await set("drain");
  const back = await store.setStrategy("DUAL_WRITE").catch((error: GateRefusedError) => error);
  expect(failing((back as GateRefusedError).checks)).toMatchObject([{ figure: expect.stringMatching(/^1 set aside/) }]);
  await past.sql`DELETE FROM dual_write_rejects WHERE source = 'drain'`;
  await store.setStrategy("DUAL_WRITE");
});

it("lets a forced passage pass once: the next way across needs the checks, or another", async () => {
  const store = await pair.open("DUAL_WRITE");
  await untilAuthority(store, "redis");
  await diverge();
  await refusal(store);
  await store.setStrategy("POSTGRES_PRIMARY", { force: true, reason: "we looked at it" });
  await untilAuthority(store, "postgres");
  const decided = () => past.sql`SELECT what, forced, reason FROM dual_write_decisions WHERE forced ORDER BY id`;
  await waitFor(async () => (await decided()).length === 2, { what: "the handover to be recorded" });
  expect(await decided()).toMatchObject([
    { what: "forced-passage", reason: "we looked at it" },
    { what: "handover", reason: expect.stringMatching(/forced: we looked at it; in spite of: .*divergence \(1 since/) },
  ]);
  await store.setStrategy("DUAL_WRITE");
  await untilAuthority(store, "redis");
  const { checks } = await refusal(store);
  expect(failing(checks).map(({ name }) => name)).toEqual(["user_sessions: no unexplained divergence"]);
  await store.close();

  // Nor does it pass a process that was restarted with the strategy.
  const restarted = await pair.open("POSTGRES_PRIMARY");
  await waitFor(async () => (await restarted.health()).waitingFor?.includes("the gate"), {
    what: "the gate to refuse",
  });
  expect((await restarted.health()).authority).toBe("redis");
  await ledgers(restarted).put("still", ledger("served"));
  await past.sql`INSERT INTO dual_write_decisions (what, strategy, reason, forced, process) VALUES ('forced-passage', 'POSTGRES_PRIMARY', 'again', true, 'p')`;
  await untilAuthority(restarted, "postgres");
});

it("uses a passage up on arrival where the process that handed over died before it could", async () => {
  const store = await pair.open("DUAL_WRITE");
  await untilAuthority(store, "redis");
  await store.setStrategy("POSTGRES_PRIMARY");
  await store.close();
  await past.sql`DELETE FROM dual_write_decisions`;
  await past.sql`INSERT INTO dual_write_decisions (what, strategy, reason, forced, process) VALUES ('forced-passage', 'POSTGRES_PRIMARY', 'died', true, 'p')`;
  const next = await pair.open("POSTGRES_PRIMARY");
  await waitFor(
    async () => (await past.sql`SELECT FROM dual_write_decisions WHERE what = 'handover' AND forced`).length,
    {
      what: "the passage to be used up",
    },
  );
  await next.setStrategy("DUAL_WRITE");
  await diverge();
  await refusal(next);
});

it("keeps no passage where the authority stays", async () => {
  const store = await pair.open("REDIS_PRIMARY");
  await untilAuthority(store, "redis");
  await store.setStrategy("DUAL_WRITE", { force: true, reason: "to be sure" });
  expect(await past.sql`SELECT what, forced, reason FROM dual_write_decisions`).toEqual([
    { what: "flip", forced: false, reason: "to be sure" },
  ]);
});
