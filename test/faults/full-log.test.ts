/** Postgres reigns, Redis is away, and the repair log is too small: the way back is open all the same, and nothing is lost on it. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { drained, ledger, ledgers, Past, untilAuthority, untilHealed } from "./support.js";

const RECORDS = 30;
const ids = Array.from({ length: RECORDS }, (_, n) => `full-${n}`);

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

async function overflowing(): Promise<DualWriteStore> {
  const store = await pair.open("POSTGRES_PRIMARY", { logLimit: 5 });
  await untilAuthority(store, "postgres");
  for (const id of ids) await ledgers(store).put(id, ledger("first"));
  await ledgers(store).put("deleted", ledger("first"));
  await store.usage.track({ userId: "full" });
  await drained(store);

  await pair.redisProxy.setMode("refuse");
  for (const id of ids) await ledgers(store).put(id, ledger("second"));
  await ledgers(store).delete("deleted");
  for (let n = 0; n < RECORDS; n++) await store.usage.track({ userId: n === 0 ? "full" : `other-${n}` });
  await untilHealed(pair, store);
  await drained(store);
  expect([...(await store.health()).repairLog.overflowed].sort()).toEqual(["usage", "user_sessions"]);
  return store;
}

it("the way back needs no force: Redis has every state, deletes and counts too, before it reigns", async () => {
  const store = await overflowing();
  expect((await past.record("deleted")).redis.value).not.toBeNull();
  await store.setStrategy("DUAL_WRITE");
  await untilAuthority(store, "redis");
  expect((await store.health()).repairLog).toEqual({ entries: 0, overflowed: [] });
  for (const id of ids) await past.expectRecord(id, ledger("second"));
  await past.expectRecord("deleted", null);
  await past.expectCounter("full", 2);
  expect(await past.sql`SELECT * FROM dual_write_log_overflow`).toEqual([]);
  expect(await past.sql`SELECT what FROM dual_write_decisions WHERE forced`).toEqual([]);
});

it("what is left out while Redis is being filled has it filled once more", async () => {
  const store = await overflowing();
  // A write that the log has no room for, at the moment when the copy is complete: the mark appears behind its back.
  await past.sql.unsafe(`CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO dual_write_log_overflow (collection) VALUES ('user_sessions') ON CONFLICT DO NOTHING;
    UPDATE user_sessions SET sync_original = convert_to('{"user_id":"u1","ops":["late"]}', 'UTF8'), sync_stamp = sync_stamp + 2 WHERE token = 'full-0';
    DROP TRIGGER late ON dual_write_log_overflow;
    RETURN NULL; END $$`);
  await past.sql.unsafe(`CREATE TRIGGER late AFTER DELETE ON dual_write_log_overflow FOR EACH ROW
    WHEN (OLD.collection LIKE 'user_sessions:%') EXECUTE FUNCTION late()`);
  await store.setStrategy("DUAL_WRITE");
  await untilAuthority(store, "redis");
  await past.expectRecord("full-0", ledger("late"));
  expect(await past.sql`SELECT * FROM dual_write_log_overflow`).toEqual([]);
});
