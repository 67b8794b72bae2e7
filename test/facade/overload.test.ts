/** Too much at once: what doesn't fit is refused at once, and one store's crowd is no other store's. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { OverloadedError } from "../../src/index.js";
import { drained, ledger, ledgers, Past, untilAuthority, untilHealed } from "../faults/support.js";
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

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("it was not refused"),
    (error: unknown) => error as Error,
  );

it("an operation beyond maxInFlight is refused at once, nothing of it applied, and the others go on", async () => {
  const store = await pair.open("DUAL_WRITE", { maxInFlight: 3 });
  await untilAuthority(store, "redis");
  await pair.redisProxy.setMode("blackhole");
  const running = ["a", "b", "c"].map((id) => ledgers(store).put(id, ledger(id)));
  await waitFor(async () => (await store.health()).inFlight === 3, { what: "three operations in flight" });

  for (const one of [
    ledgers(store).put("d", ledger("d"), { operationId: "mine" }),
    ledgers(store).read("a"),
    store.usage.track({ userId: "d" }),
  ]) {
    const error = (await failure(one)) as OverloadedError;
    expect(error).toBeInstanceOf(OverloadedError);
    expect(error).toMatchObject({ code: "OVERLOADED", retryable: true });
    expect(error.message).toMatch(/^3 operations .* maxInFlight allows 3; nothing was applied\. Retry/);
  }
  expect(await failure(ledgers(store).put("d", ledger("d"), { operationId: "mine" }))).toMatchObject({
    operationId: "mine",
  });

  await untilHealed(pair, store);
  await Promise.all(running);
  await drained(store);
  for (const id of ["a", "b", "c"]) await past.expectRecord(id, ledger(id));
  await past.expectRecord("d", null);
  await ledgers(store).put("d", ledger("later"));
  expect((await store.health()).inFlight).toBe(0);
});

it("the reads that fall back in one store leave room for those of another", async () => {
  const crowded = await pair.open("DUAL_WRITE", { deadlines: { read: 5000 } });
  const other = await pair.open("DUAL_WRITE", { postgres: pair.databaseUrl, deadlines: { read: 5000 } });
  await untilAuthority([crowded, other], "redis");
  await ledgers(other).put("known", ledger("known"));
  await pair.redisProxy.setMode("refuse");
  await pair.databaseProxy.setMode("blackhole");
  const crowd = Array.from({ length: 400 }, (_, n) => ledgers(crowded).read(`${n}`));
  // What finds neither a place nor room to wait is refused: then all places are taken.
  const first = await Promise.race(crowd);
  expect(first).toMatchObject({ kind: "error", error: { message: expect.stringMatching(/capacity/i) } });
  expect(await ledgers(other).read("known")).toMatchObject({ kind: "hit", store: "postgres", fallback: true });
  await pair.databaseProxy.setMode("pass");
  await Promise.all(crowd);
});
