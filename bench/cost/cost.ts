/** The facade's own cost: operations on stores that answer at once. */
import type { EngineContext } from "../../src/engine/context.js";
import { plainFigure } from "../figure.js";
import {
  builtinCollections,
  Comparison,
  Counters,
  EventHub,
  Guard,
  InFlight,
  LogClearer,
  newHerd,
  Records,
  TermView,
  UsageRepository,
} from "../internals.js";
import { idOf, itemOf, items } from "../items.js";
import type { Bench } from "../run.js";
import { immediateStore } from "./immediate-store.js";
import { costOf } from "./measured.js";

const MICROS = 5;
const BYTES = 2000;
const IN_FLIGHT = [1, 64] as const;

export const benchCost: Bench = async (run) => {
  for (const gathering of [false, true]) {
    const operations = Object.entries(await openEngine(gathering));
    for (const [name, operation] of operations) {
      if (!run.wants(name)) continue;
      for (const inFlight of IN_FLIGHT) {
        const costs = [];
        for (let turn = 0; turn < run.turns.count; turn++)
          costs.push(await costOf(operation, inFlight, run.turns.ms / 2));
        const heading = {
          bench: "cost",
          name: `own cost, ${name}${gathering ? ", gathering" : ""}`,
          against: null,
          at: `${inFlight} in flight`,
        };
        const micros = costs.map((cost) => cost.micros);
        run.tell(plainFigure({ ...heading, unit: "µs of processor", aim: { atMost: MICROS } }, micros));
        const bytes = costs.map((cost) => cost.bytes);
        run.tell(plainFigure({ ...heading, unit: "bytes of garbage", aim: { atMost: BYTES } }, bytes));
      }
    }
  }
};

/** As at DUAL_WRITE, Redis the authority and Postgres told within the operation. */
async function openEngine(gathering: boolean): Promise<Record<string, (i: number) => Promise<unknown>>> {
  const collection = items.bind({ prefix: "bench:" });
  const usage = builtinCollections({ zone: "UTC" }).usage.bind({ prefix: "bench:" });
  const value = collection.encode("", itemOf(0));
  const redis = new Guard(immediateStore("redis", true, value), { coalesce: gathering });
  const postgres = new Guard(immediateStore("postgres", false, value), { coalesce: gathering });
  const policy = { mirror: "awaited", fallback: true, compare: 0 } as const;
  const context: EngineContext = {
    redis,
    postgres,
    term: new TermView(
      () => redis,
      postgres,
      () => {},
      () => [collection, usage],
    ),
    policy: () => policy,
    deadlines: { read: 500, write: 5000, mirror: 500 },
    events: new EventHub(),
    clearer: new LogClearer(),
    inFlight: new InFlight(10_000),
    herd: newHerd(),
    lookElsewhere: "incomplete",
    bypassWriters: true,
  };
  const comparison = new Comparison(context);
  const records = new Records(context, collection, comparison);
  const counters = new UsageRepository({
    counters: new Counters(context, usage, comparison),
    clock: { now: Date.now },
  });
  await context.term.refresh();
  const item = itemOf(0);
  if ((await records.get(idOf(0)))?.note !== item.note) throw new Error("the value didn't come back");
  if ((await counters.track({ userId: idOf(0) })).today !== 7) throw new Error("the count didn't come back");
  return {
    read: (i) => records.get(idOf(i)),
    put: (i) => records.put(idOf(i), item),
    "count a use": (i) => counters.track({ userId: idOf(i) }),
  };
}
