/** The facade against the bare clients, operation by operation, strategy by strategy. */

import { checkCounts, checkItems } from "../checks.js";
import { compare, type Way } from "../compare.js";
import { fillItems, fillPlain } from "../fill.js";
import { idOf, itemOf, TTL_MS } from "../items.js";
import type { Bench, Run } from "../run.js";
import { giveUpRedis, moveTo, openStage } from "../stage.js";
import { byHand } from "./by-hand.js";
import type { Row } from "./row.js";
import { shadowReads } from "./shadow.js";

const IN_FLIGHT = [1, 64, 256] as const;

export const benchFacade: Bench = async (run) => {
  const stage = await openStage();
  const { ways: hand, close } = byHand(stage);
  const setAndUpsert = { against: "SET and prepared upsert", theirs: hand.setAndUpsert };
  try {
    const store = await stage.open("REDIS_PRIMARY");
    const { items } = store.collections;
    const put: Way = { run: (i) => items.put(idOf(i), itemOf(i), { expiresAt: Date.now() + TTL_MS }) };
    const get: Way = { run: (i) => required(items.get(idOf(i))) };
    await fillItems(store);
    await fillPlain(stage);
    await measure(run, [
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
        against: "SET PX",
        theirs: hand.set,
        aims: [0.75, 0.6, 0.65],
      },
    ]);
    await moveTo(store, ["DUAL_WRITE"]);
    let counted = 0;
    const count: Way = {
      run: (i) => {
        counted++;
        return store.usage.track({ userId: idOf(i) });
      },
    };
    await measure(run, [
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
    await store.drain();
    await checkCounts(stage, counted);
    await shadowReads(run, stage, store, (rows) => measure(run, rows));
    await checkItems(stage, 200);
    await moveTo(store, ["POSTGRES_PRIMARY"]);
    await measure(run, [
      {
        name: "read, Postgres the authority",
        ours: get,
        against: "prepared SELECT, ten connections",
        theirs: hand.select,
        aims: [0.9, 3, 4],
      },
      { name: "write, POSTGRES_PRIMARY", ours: put, ...setAndUpsert, aims: [0.65, 1.6, 2] },
    ]);
    await store.drain();
    await checkItems(stage, 200);
    await moveTo(store, ["POSTGRES_ONLY"]);
    await store.drain();
    await giveUpRedis(stage);
    await measure(run, [
      {
        name: "write, POSTGRES_ONLY",
        ours: put,
        against: "prepared upsert, ten connections",
        theirs: hand.upsert,
        aims: [0.85, 3, 4],
      },
    ]);
    for (let i = 0; i < 200; i++) {
      const item = await required(items.get(idOf(i)));
      if (idOf(item.amount) !== idOf(i)) throw new Error(`${idOf(i)} holds another record's value`);
    }
  } finally {
    await close();
    await stage.close();
  }
};

async function measure(run: Run, rows: readonly Row[]): Promise<void> {
  for (const { name, ours, against, theirs, aims } of rows) {
    if (!run.wants(name)) continue;
    for (const [n, inFlight] of IN_FLIGHT.entries()) {
      const aim = { atLeast: aims[n] as number };
      run.tell(await compare({ bench: "facade", name, ours, against, theirs, inFlight, aim }, run.turns));
    }
  }
}

async function required<T>(value: Promise<T | null>): Promise<T> {
  const found = await value;
  if (found === null) throw new Error("a record is missing");
  return found;
}
