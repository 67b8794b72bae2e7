/** Postgres is away for longer than Redis remembers an expired record: what it hears then is still the truth. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { drained, ledger, ledgers, legacyKey, Past, untilAuthority, untilHealed } from "./support.js";

let pair: Pair;
let past: Past;

beforeAll(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterAll(async () => {
  await past?.end();
  await pair?.end();
});

it("doesn't bring back what a record was before it expired unheard of", async () => {
  const store = await pair.open("REDIS_PRIMARY");
  await untilAuthority(store, "redis");
  await ledgers(store).put("late", ledger("first"));
  await drained(store);
  await past.expectRecord("late", ledger("first"));

  await pair.databaseProxy.setMode("refuse");
  await ledgers(store).put("late", ledger("second"), { expiresAt: Date.now() + 50 });
  await waitFor(async () => (await past.redis.exists(legacyKey("late"))) === 0, { what: "the record to expire" });
  // As after two weeks.
  await past.redis.del(`dual-write:{${legacyKey("late")}}`);
  await untilHealed(pair, store);
  await drained(store);
  await past.expectRecord("late", null);
  expect(await past.redis.zcard("dual-write:log:user_sessions")).toBe(0);
});
