/** A handover whose runner dies after each of its steps is finished by another process, by several at once, and in either direction. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DualWriteStore, StoreName, StrategyName } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { append, closeAll, drained, ledger, ledgers, otherThan, Past, untilAuthority } from "./support.js";

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

/** What a runner that died leaves: the fences as they stand after its last step. */
type Step = "closed, its log not worked off" | "closed, its log worked off" | "the other one opened";

const directions = [
  { from: "DUAL_WRITE", to: "POSTGRES_PRIMARY", old: "redis" },
  { from: "POSTGRES_PRIMARY", to: "DUAL_WRITE", old: "postgres" },
] as const satisfies readonly { from: StrategyName; to: StrategyName; old: StoreName }[];

const steps: readonly Step[] = ["closed, its log not worked off", "closed, its log worked off", "the other one opened"];

async function close(store: StoreName): Promise<void> {
  if (store === "postgres") {
    await past.sql`update dual_write_fence set role = 'closed'`;
    return;
  }
  const fence = await past.redis.get("dual-write:fence");
  await past.redis.set("dual-write:fence", (fence as string).replace(" authority ", " closed "));
}

async function openNext(store: StoreName): Promise<void> {
  if (store === "postgres") {
    await past.sql`update dual_write_fence set role = 'authority', term = term + 1`;
    return;
  }
  const [term = "", , ...rest] = ((await past.redis.get("dual-write:fence")) as string).split(" ");
  await past.redis.set("dual-write:fence", [Number(term) + 1, "authority", ...rest].join(" "));
}

async function term(): Promise<{ redis: number; postgres: number }> {
  const [row] = await past.sql`select term from dual_write_fence`;
  return { redis: Number((await past.redis.get("dual-write:fence"))?.split(" ")[0]), postgres: Number(row?.term) };
}

describe.each(directions)("from $from to $to, the runner dead", ({ from, to, old }) => {
  /** Both stores as the dead runner left them, with acknowledged work that the new authority may not have heard of yet. */
  async function leave(step: Step): Promise<number> {
    const store = await pair.open(from, { deadlines: { read: 3000, write: 10_000, mirror: 100 } });
    await untilAuthority(store, old);
    await ledgers(store).put("changed", ledger("first"));
    await ledgers(store).put("deleted", ledger("first"));
    await drained(store);
    const mirrorProxy = old === "redis" ? pair.databaseProxy : pair.redisProxy;
    if (step === "closed, its log not worked off") await mirrorProxy.setMode("refuse");
    await append(store, "changed", "second");
    await ledgers(store).delete("deleted");
    await store.usage.track({ userId: "counted" }, { by: 7, operationId: "seven" });
    if (step !== "closed, its log not worked off") await drained(store);
    const before = (await term())[old];
    // As SIGKILL would: it says nothing to the fleet any more.
    await store.close();
    await mirrorProxy.setMode("pass");
    await close(old);
    if (step === "the other one opened") await openNext(otherThan(old));
    return before;
  }

  it.each(steps)("%s: whoever comes next finishes it, with everything acknowledged", async (step) => {
    const before = await leave(step);
    const store = await pair.open(to);
    await untilAuthority(store, otherThan(old));
    expect(await ledgers(store).get("changed")).toEqual(ledger("first", "second"));
    await append(store, "changed", "third");
    // An operation that the dead one's caller says again.
    await store.usage.track({ userId: "counted" }, { by: 7, operationId: "seven" });
    await drained(store);
    await past.expectRecord("changed", ledger("first", "second", "third"));
    await past.expectRecord("deleted", null);
    await past.expectCounter("counted", 7);
    await waitFor(async () => (await term())[old] === before + 1, { what: "the old store's fence to be raised" });
    expect(await term()).toEqual({ redis: before + 1, postgres: before + 1 });
  });

  it("three that come at once finish it once", async () => {
    const before = await leave("closed, its log not worked off");
    const stores: DualWriteStore[] = await Promise.all([pair.open(to), pair.open(to), pair.open(to)]);
    await Promise.all(stores.map((store, n) => append(store, "changed", `by-${n}`)));
    await untilAuthority(stores, otherThan(old));
    await drained(stores[0] as DualWriteStore);
    const { redis } = await past.record("changed");
    expect([...(redis.value?.ops ?? [])].sort()).toEqual(["by-0", "by-1", "by-2", "first", "second"]);
    await past.expectRecord("changed", redis.value);
    await past.expectRecord("deleted", null);
    await past.expectCounter("counted", 7);
    expect((await term())[otherThan(old)]).toBe(before + 1);
    await closeAll(stores);
  });

  it("two that begin one handover at the same moment make one term of it", async () => {
    const stores = await Promise.all([pair.open(from), pair.open(from)]);
    await untilAuthority(stores, old);
    await ledgers(stores[0]).put("changed", ledger("first"));
    const before = (await term())[old];
    let flipping = true;
    const writers = stores.map(async (store, slot) => {
      const ops: string[] = [];
      for (let n = 0; flipping; n++) {
        await append(store, "changed", `w${slot}-${n}`);
        ops.push(`w${slot}-${n}`);
      }
      return ops;
    });
    await Promise.all(stores.map((store) => store.setStrategy(to, { reason: "both at once" })));
    await untilAuthority(stores, otherThan(old));
    flipping = false;
    const told = (await Promise.all(writers)).flat();
    await drained(stores[0]);
    expect((await term())[otherThan(old)]).toBe(before + 1);
    const { redis } = await past.record("changed");
    expect([...(redis.value?.ops ?? [])].sort()).toEqual(["first", ...told].sort());
    await past.expectRecord("changed", redis.value);
  });
});
