/** Backfill over the migration's own page copies, and verify at the level of the port, in its smallest form. */
import { difference } from "../../src/engine/comparison.js";
import type { BoundRecords } from "../../src/engine/define-records.js";
import { copyCounterPage, readCounterPage } from "../../src/migration/backfill/copy-counters.js";
import { copyRecordPage, readRecordPage } from "../../src/migration/backfill/copy-records.js";
import type { BothStores } from "../../src/migration/migration-context.js";
import { redisReign } from "../../src/migration/redis-authority.js";
import type { RedisSide } from "../../src/stores/sides.js";
import type { HeldCounter, HeldRecord, Page, RecordWrite } from "../../src/stores/store.js";
import { collections, counters, records } from "./collections.js";
import type { EvidenceTables } from "./evidence.js";
import { COUNTER_IDS, RECORD_IDS } from "./plan.js";
import type { SimulatedProcess } from "./simulated-process.js";
import type { Truth } from "./truth.js";

const CALL_MS = 1000;

type Work = { copy: () => Promise<unknown> };

/** The migration's own pages, each read while the one before is copied. @throws FencedError if the authority moved meanwhile */
export async function backfill(process: SimulatedProcess, tables: EvidenceTables): Promise<void> {
  const context = process.fleetContext() as unknown as BothStores;
  if ((await process.engine.term.require()).authority !== "redis") return;
  const { term } = await redisReign(context);
  const { redis, postgres } = process;
  const now = await postgres.attempt((store) => store.now(), CALL_MS);
  let before: Work = { copy: async () => {} };
  for (const collection of collections) {
    let after: string | null = null;
    do {
      const cursor: string | null = after;
      const list = (store: RedisSide): Promise<Page<unknown>> =>
        collection.kind === "records"
          ? store.pageRecords(collection, cursor, 1)
          : store.pageCounters(collection, cursor, 1);
      const listed = (await redis.attempt(list, CALL_MS)) as Page<{ id: string }>;
      const ids = listed.items.map(({ id }) => id);
      const read =
        ids.length === 0
          ? Promise.resolve<Work>({ copy: async () => {} })
          : readPage(context, collection, ids, term, now);
      read.catch(() => {}); // Met when it is awaited.
      await before.copy();
      before = await read;
      after = listed.next;
    } while (after !== null);
  }
  await before.copy();
  await postgres.attempt((store) => store.setComplete(null, true), CALL_MS);
  tables.backfilledAt = new Date();
}

async function readPage(
  context: BothStores,
  collection: (typeof collections)[number],
  ids: readonly string[],
  term: number,
  now: number,
): Promise<Work> {
  if (collection.kind === "records") {
    const page = await readRecordPage(context, collection as BoundRecords<unknown>, ids, term);
    return { copy: () => copyRecordPage(context, page, now) };
  }
  const page = await readCounterPage(context, collection, ids, term);
  return { copy: () => copyCounterPage(context, page, now) };
}

/** Distinguishes repairs, so that each has its operation id. */
let repairs = 0;

const sumOf = (held: HeldCounter) => (held.kind === "value" ? held.redisPart + held.postgresPart : 0);

/** Compares both ways, looks twice, and repairs: the authority's truth is stamped, or brought to the mirror. */
export async function verify({ redis, postgres, engine, evidence }: SimulatedProcess, truth: Truth): Promise<boolean> {
  const reign = await engine.term.require();
  const look = async () => {
    const [logs, mine, theirs, mineCounted, theirsCounted] = await Promise.all([
      Promise.all(
        [redis, postgres].flatMap((guard) =>
          collections.map((one) => guard.attempt((store) => store.readLog(one, 1000), CALL_MS)),
        ),
      ),
      redis.attempt((store) => store.inspectRecords(records, RECORD_IDS), CALL_MS),
      postgres.attempt((store) => store.inspectRecords(records, RECORD_IDS), CALL_MS),
      redis.attempt((store) => store.inspectCounters(counters, COUNTER_IDS), CALL_MS),
      postgres.attempt((store) => store.inspectCounters(counters, COUNTER_IDS), CALL_MS),
    ]);
    const logged = new Set(logs.flat().map(({ id }) => id));
    return {
      records: RECORD_IDS.filter(
        (id, i) => !logged.has(id) && difference(mine.held[i] as HeldRecord, theirs.held[i] as HeldRecord),
      ),
      counters: COUNTER_IDS.filter(
        (id, i) =>
          !logged.has(id) &&
          !truth.counter(id).dropped &&
          sumOf(mineCounted.held[i] as HeldCounter) !== sumOf(theirsCounted.held[i] as HeldCounter),
      ),
      states: theirs.held,
    };
  };
  const first = await look();
  await new Promise((resolve) => setTimeout(resolve, 250));
  const second = await look();
  const differing = {
    records: second.records.filter((id) => first.records.includes(id)),
    counters: second.counters.filter((id) => first.counters.includes(id)),
  };
  if (reign.authority === "redis") {
    const adopt = { term: reign.term, mode: "bare" } as const;
    if (differing.records.length > 0)
      await redis.attempt((store) => store.inspectRecords(records, differing.records, adopt), CALL_MS);
    if (differing.counters.length > 0)
      await redis.attempt((store) => store.inspectCounters(counters, differing.counters, adopt), CALL_MS);
  } else {
    // Written again as it is: the stamp that this gives beats whatever stands in Redis.
    for (const id of differing.records) {
      const held = second.states[RECORD_IDS.indexOf(id)] as HeldRecord;
      const state =
        held.kind === "absent" || held.kind === "unreadable" ? { stamp: 0, bytes: null, expiresAt: null } : held;
      const bytes = held.kind === "value" ? held.bytes : null;
      const write: RecordWrite = {
        id,
        bytes,
        expiresAt: state.expiresAt,
        operationId: `repair-${id}-${++repairs}`,
        expected: { stamp: state.stamp, bytes },
      };
      await postgres.attempt((store) => store.writeRecords(records, reign.term, [write]), CALL_MS);
    }
  }
  const clean = differing.records.length + differing.counters.length === 0;
  await evidence.recordVerify({ collection: records.name, startedAt: new Date(), compared: 4, differences: {}, clean });
  return clean;
}
