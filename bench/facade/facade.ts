/** The facade against the bare clients, operation by operation. */
import { type Comparison, compare, type Turns, type Way } from "../compare.js";
import { IDS, idOf, itemOf, TTL_MS } from "../items.js";
import { type BenchStore, giveUpRedis, moveTo, openStage, type Stage } from "../stage.js";
import { byHand, set, upsert } from "./by-hand.js";

/** Ratios aimed at with 1, 64 and 256 operations in flight. */
interface Row {
  readonly name: string;
  readonly ours: Way;
  readonly against: string;
  readonly theirs: Way;
  readonly aims: readonly [number, number, number];
}

const IN_FLIGHT = [1, 64, 256] as const;

export async function benchFacade(
  turns: Turns,
  tell: (comparison: Comparison) => void,
  only?: RegExp,
): Promise<Comparison[]> {
  const stage = await openStage();
  const { ways: hand, close } = byHand(stage);
  const results: Comparison[] = [];
  const measure = async (rows: readonly Row[]) => {
    for (const { name, ours, against, theirs, aims } of rows) {
      if (only && !only.test(name)) continue;
      for (const [n, inFlight] of IN_FLIGHT.entries()) {
        const result = await compare(name, ours, against, theirs, inFlight, aims[n] as number, turns);
        results.push(result);
        tell(result);
      }
    }
  };
  try {
    const store = await stage.open("REDIS_PRIMARY");
    const { items } = store.collections;
    const put: Way = { run: (i) => items.put(idOf(i), itemOf(i), { expiresAt: Date.now() + TTL_MS }) };
    const get: Way = { run: (i) => required(items.get(idOf(i))) };
    await fill(store, stage);
    const setBare = { against: "SET PX", theirs: hand.set };
    const setAndUpsert = { against: "SET and prepared upsert", theirs: hand.setAndUpsert };
    await measure([
      {
        name: "read, Redis the authority",
        ours: get,
        against: "GET and JSON.parse",
        theirs: hand.get,
        aims: [0.9, 1.4, 1.6],
      },
      {
        name: "write, REDIS_PRIMARY, drained",
        ours: { ...put, settle: () => store.drain() },
        ...setBare,
        aims: [0.75, 0.6, 0.65],
      },
    ]);
    await moveTo(store, ["DUAL_WRITE"]);
    const count: Way = { run: (i) => store.usage.track({ userId: idOf(i) }) };
    await measure([
      { name: "write, DUAL_WRITE", ours: put, ...setAndUpsert, aims: [0.8, 2, 2.5] },
      {
        name: "write, DUAL_WRITE, drizzle",
        ours: put,
        against: "SET and unprepared drizzle upsert",
        theirs: hand.setAndDrizzle,
        aims: [1.4, 5, 10],
      },
      {
        name: "count a use, DUAL_WRITE",
        ours: count,
        against: "2 INCR and 2 upserts",
        theirs: hand.countTwice,
        aims: [0.8, 2, 2.5],
      },
    ]);
    await moveTo(store, ["POSTGRES_PRIMARY"]);
    await measure([
      {
        name: "read, Postgres the authority",
        ours: get,
        against: "prepared SELECT, ten connections",
        theirs: hand.select,
        aims: [0.9, 3, 4],
      },
      { name: "write, POSTGRES_PRIMARY", ours: put, ...setAndUpsert, aims: [0.65, 1.6, 2] },
    ]);
    await moveTo(store, ["POSTGRES_ONLY"]);
    await store.drain();
    await giveUpRedis(stage);
    await measure([
      {
        name: "write, POSTGRES_ONLY",
        ours: put,
        against: "prepared upsert, ten connections",
        theirs: hand.upsert,
        aims: [0.85, 3, 4],
      },
    ]);
    await check(store);
    return results;
  } finally {
    await close();
    await stage.close();
  }
}

async function fill(store: BenchStore, stage: Stage): Promise<void> {
  for (let from = 0; from < IDS; from += 500) {
    const some = Array.from({ length: 500 }, (_, n) => from + n);
    const entries = some.map((i) => ({ id: idOf(i), value: itemOf(i), expiresAt: Date.now() + TTL_MS }));
    await store.collections.items.putMany(entries, { deadline: 30_000 });
    await Promise.all(some.flatMap((i) => [set(stage, i), upsert(stage, i)]));
  }
  await store.drain();
}

/** What was written is what stands: a fast wrong answer counts for nothing. */
async function check(store: BenchStore): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const item = await required(store.collections.items.get(idOf(i)));
    if (idOf(item.amount) !== idOf(i)) throw new Error(`${idOf(i)} holds another record's value`);
  }
}

async function required<T>(value: Promise<T | null>): Promise<T> {
  const found = await value;
  if (found === null) throw new Error("a record is missing");
  return found;
}
