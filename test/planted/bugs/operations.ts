/** Bugs in how the engine decides, mirrors and reads: operation ids, compare-and-set, refetching, fallback. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of the source
import { bug, change, type PlantedBug, schedules, test } from "../planted-bug.js";

const REDIS = "test/contract/redis.test.ts";
const POSTGRES = "test/contract/postgres.test.ts";

export const OPERATION_BUGS: readonly PlantedBug[] = [
  bug(
    "fallback on any miss",
    test("test/engine/record-reader.test.ts", "is believed about a miss, a tombstone and an expiry"),
    change("src/engine/record-reader.ts", 'const always = context.lookElsewhere === "always";', "const always = true;"),
  ),
  bug(
    "put-back without term",
    test("test/engine/refetch.test.ts", "what is put back goes under the term of the read"),
    change(
      "src/engine/refetch.ts",
      "store.applyRecords(collection, incomplete.fence.term, states),",
      "store.readFence().then((fence) => store.applyRecords(collection, fence?.term ?? 0, states)),",
    ),
  ),
  bug(
    "counter refilled without term",
    test("test/engine/refetch.test.ts", "a counter is refilled under the term of the read"),
    change(
      "src/engine/refetch.ts",
      "store.applyCounters(collection, incomplete.fence.term, states),",
      "store.readFence().then((fence) => store.applyCounters(collection, fence?.term ?? 0, states)),",
    ),
  ),
  bug(
    "update that builds on a miss in an incomplete store",
    test(
      "test/engine/record-writer.test.ts",
      "an update of what an incomplete authority lacks is built on what the other store has",
    ),
    change(
      "src/engine/record-reader.ts",
      "if (isCertain(held, fence)) return held;",
      'if (isCertain(held, fence) || held.kind === "absent") return held;',
    ),
  ),
  bug(
    "miss in an incomplete store is believed",
    schedules,
    change(
      "src/engine/record-reader.ts",
      "  if (fence.complete) return true;\n",
      '  if (fence.complete || held.kind === "absent") return true;\n',
    ),
  ),
  bug(
    "uncompared state in an incomplete Redis is written over (Redis)",
    test(REDIS, "writes nothing that wasn't compared"),
    change("src/stores/redis/scripts/write-records.ts", "if not complete and ARGV[a + 8] ~= '1' then", "if false then"),
  ),
  bug(
    "uncompared state in an incomplete Redis is written over (in memory)",
    schedules,
    change("test/memory/redis-records.ts", 'if (this.#isSuspect(s, write)) return { kind: "suspect" };', ""),
  ),
  bug("update doesn't compare", schedules, change("src/engine/record-writer.ts", "expected: expectedOf(held),", "")),
  bug(
    "mirror that fails counts as told",
    schedules,
    change(
      "src/engine/mirror.ts",
      "    fail(context, collection, reign, messages, describe(error));",
      "    context.clearer.add(authority, collection, messages.map(({ id, state }) => ({ id, stamp: state.stamp })));",
    ),
  ),
  bug(
    "superseded write is acknowledged",
    test("test/engine/record-writer.test.ts", "that the mirror calls superseded is made again in the next term"),
    change("src/engine/mirror.ts", 'if (reply.fence && reply.fence.term > reign.term) return "superseded";', ""),
  ),
  bug(
    "operation ids don't travel to the mirror",
    schedules,
    change(
      "src/engine/authority-step.ts",
      "state: one.state as StateOf<R> }",
      "state: { ...one.state, operations: [] } as never }",
    ),
  ),
  bug(
    "operation id forgotten at a handover",
    test("test/strategy/handover.test.ts", "from redis to postgres carries over everything, with its operation ids"),
    change(
      "src/engine/send-states.ts",
      "  if (state) return state;",
      "  if (state) return { ...state, operations: [] };",
    ),
  ),
  bug(
    "repeated operation is applied again (Redis)",
    test(REDIS, "a repeated operation does nothing and tells what stands"),
    change(
      "src/stores/redis/scripts/write-records.ts",
      "  elseif has_operation(h.ops, op) then\n",
      "  elseif false then\n",
    ),
  ),
  bug(
    "repeated operation is applied again (Postgres)",
    test(POSTGRES, "a repeated operation does nothing and tells what stands"),
    change(
      "src/stores/postgres/statements/write-records.ts",
      "WHERE excluded.${sync.syncOperations}[1] <> ALL (t.${sync.syncOperations})${",
      "WHERE true${",
    ),
  ),
  bug(
    "repeated operation is applied again (in memory)",
    schedules,
    change("test/memory/postgres-records.ts", "if (row?.operations.includes(write.operationId))", "if (false)"),
  ),
  bug(
    "operation of several records is done in part (in memory)",
    schedules,
    change("test/memory/redis-records.ts", "else if (this.#isSuspect(s, write)) suspect.add(operationId);", ""),
  ),
  bug(
    "gathered call is told another's result",
    schedules,
    change(
      "src/stores/coalescing/coalesced.ts",
      "results: places.map((place) => reply.results[place] as R) };",
      "results: places.map((_, i) => reply.results[i] as R) };",
    ),
  ),
  bug(
    "gathered writes of one row go to Postgres in one statement",
    schedules,
    change("src/stores/guard.ts", "store.sameIdTwice ?? false", "store.sameIdTwice ?? true"),
  ),
  bug(
    "change by a second key of a record that lost the key",
    schedules,
    change(
      "src/engine/change-by-index.ts",
      "isIt = present !== null && definition.valueOf(id, present) === value;",
      "isIt = present !== null;",
    ),
  ),
  bug(
    "record that lost against a newer state leaves it its operations (Redis)",
    test(REDIS, "forgets the operations of an older state that it doesn't descend from"),
    change(
      "src/stores/redis/scripts/apply-records.ts",
      "digest = '-', ops = ops }",
      "digest = '-', ops = join_operations(h.ops, ops, RECORD_OPS) }",
    ),
  ),
  bug(
    "bypass writer's work is compared by the stamp of what he changed (Postgres)",
    test(POSTGRES, "that read what a bypass writer made of a state conflicts with the state itself"),
    change(
      "src/stores/postgres/statements/write-records.ts",
      "expected?.stamp === 0 || expected?.bypass ?",
      "expected?.stamp === 0 ?",
    ),
  ),
  bug(
    "refusal denies what an earlier attempt may do yet",
    test("test/engine/authority-step.test.ts", "a refusal doesn't deny what an earlier attempt"),
    change(
      "src/engine/authority-step.ts",
      "if (!operation.unheard && !operation.uncertain) return refused;",
      "if (operation) return refused;",
    ),
  ),
];
