/** Bugs in what a store does to a record: stamps, tombstones, the repair log, the term. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of the source
import { bug, change, directed, type PlantedBug, schedules, test } from "../planted-bug.js";

const REDIS = "test/contract/redis.test.ts";
const POSTGRES = "test/contract/postgres.test.ts";
const STEPS = "test/stores/atomic-steps.test.ts";
const WRITE_LUA = "src/stores/redis/scripts/write-records.ts";
const APPLY_LUA = "src/stores/redis/scripts/apply-records.ts";
const PRELUDE_LUA = "src/stores/redis/scripts/prelude.ts";
const REDIS_RECORDS = "src/stores/redis/record-writes.ts";
const WRITE_SQL = "src/stores/postgres/statements/write-records.ts";
const APPLY_SQL = "src/stores/postgres/statements/apply-records.ts";
const MEMORY_WRITE = "    this.put(write.id, state);\n    this.log(write.id, state.stamp);";

export const RECORD_BUGS: readonly PlantedBug[] = [
  bug(
    "mirror ignores stamps (Redis)",
    test(REDIS, "a mirror keeps what it holds from an older state"),
    change(APPLY_LUA, "return (stamp > h.stamp or", "return (stamp ~= h.stamp or"),
  ),
  bug(
    "mirror ignores stamps (Postgres)",
    test(POSTGRES, "a mirror keeps what it holds from an older state"),
    change(
      APPLY_SQL,
      "excluded.${sync.syncStamp} > t.${sync.syncStamp}",
      "excluded.${sync.syncStamp} <> t.${sync.syncStamp}",
    ),
  ),
  bug(
    "mirror ignores stamps (Redis in memory)",
    schedules,
    change("test/memory/redis-put-back.ts", "return state.stamp > s.stamp || (", "return state.stamp !== s.stamp || ("),
  ),
  bug(
    "mirror ignores stamps (Postgres in memory)",
    schedules,
    change(
      "test/memory/postgres-records.ts",
      "if (row && !isNewer(state.stamp, row.stamp)) {",
      "if (row && row.stamp === state.stamp) {",
    ),
  ),
  bug(
    "tombstone dropped on its way to the mirror",
    schedules,
    change(
      "src/engine/refetch.ts",
      "return held.stamp > 0 ? { stamp: held.stamp, bytes: null, expiresAt: null, operations: held.operations } : null;",
      "return null;",
    ),
  ),
  bug(
    "delete of an absent key leaves none (Redis)",
    test(REDIS, "that deletes what isn't there leaves a tombstone too"),
    change(
      WRITE_LUA,
      "    redis.call('DEL', key)\n  end",
      "    if redis.call('EXISTS', key, companion_key) == 0 then return text(c.stamp) .. ' 1 - - ' .. c.ops end\n    redis.call('DEL', key)\n  end",
    ),
  ),
  bug(
    "delete of an absent key leaves none (Postgres)",
    test(POSTGRES, "that deletes what isn't there leaves a tombstone too"),
    change(
      WRITE_SQL,
      "WHERE NOT i.suspect${",
      "WHERE NOT i.suspect AND (i.length IS NOT NULL OR EXISTS (SELECT FROM ${table} d WHERE d.${id.name} = i.id::${id.type}))${",
    ),
  ),
  bug(
    "delete of an absent key leaves none (in memory)",
    schedules,
    change(
      "test/memory/redis-records.ts",
      MEMORY_WRITE,
      `    if (write.bytes === null && s.value === null) return { kind: "written", state };\n${MEMORY_WRITE}`,
    ),
  ),
  bug(
    "stamp from the process's clock (Redis)",
    test(STEPS, "RedisStore stamps by the server's clock"),
    change(
      PRELUDE_LUA,
      "local now_ms = math.floor(now_micros / 1000)",
      "now_micros = tonumber(ARGV[#ARGV]) * 1000\nlocal now_ms = math.floor(now_micros / 1000)",
    ),
    change(
      "src/stores/redis/redis-connection.ts",
      "for (const arg of args) given.push(arg);",
      "for (const arg of args) given.push(arg);\n    given.push(Date.now());",
    ),
  ),
  bug(
    "stamp from the process's clock (Postgres)",
    test(STEPS, "PostgresStore stamps by the server's clock"),
    change(
      "src/stores/postgres/statements/gate.ts",
      "a.micros | 1 AS base",
      "(${Date.now() * 1000})::bigint | 1 AS base",
    ),
  ),
  bug(
    "stamp of the clock alone, not above the one held",
    schedules,
    change("src/stores/state.ts", "const base = Math.max(micros, held + 1);", "const base = micros;"),
  ),
  bug(
    "log entry written after the write (Redis)",
    test(STEPS, "RedisStore a write whose answer never came"),
    change(WRITE_LUA, "  log_entry(KEYS[2], KEYS[3], limit, id, c.stamp)\n", ""),
    change(
      REDIS_RECORDS,
      'const reply = await context.connection.script("dwWriteRecords", keys, args);',
      'const reply = await context.connection.script("dwWriteRecords", keys, args);\n  for (const [i, row] of ((reply as unknown[])[2] as (Buffer | Buffer[])[]).entries())\n    if (Buffer.isBuffer(row))\n      await context.connection.client.zadd(controlKeys.log(collection.name), String(row).split(" ")[0] as string, (writes[i] as RecordWrite).id);',
    ),
  ),
  bug(
    "log entry written after the write (Postgres)",
    test(STEPS, "PostgresStore a write whose answer never came"),
    change(WRITE_SQL, '${repairLogSql("done", ', '${repairLogSql("(SELECT * FROM done WHERE false)", '),
    change(
      "src/stores/postgres/record-operations.ts",
      'results[place] = { kind: "written", state };',
      'results[place] = { kind: "written", state };\n      await connection.run("INSERT INTO dual_write_log (collection, record_id, stamp, logged_at) VALUES ($1::text, $2::text, $3::bigint, clock_timestamp()) ON CONFLICT (collection, record_id) DO UPDATE SET stamp = greatest(dual_write_log.stamp, excluded.stamp)", [collection.name, (batch[place] as PreparedWrite).write.id, state.stamp]);',
    ),
  ),
  bug(
    "log entry written after the write (in memory)",
    schedules,
    change(
      "test/memory/redis-records.ts",
      MEMORY_WRITE,
      "    this.put(write.id, state);\n    setTimeout(() => this.log(write.id, state.stamp), 5);",
    ),
  ),
  bug(
    "log entry removed without comparing (Redis)",
    test(REDIS, "the repair log loses an entry only to a stamp that isn't below it"),
    change("src/stores/redis/scripts/control.ts", "if held and tonumber(held) <= stamp then", "if held then"),
  ),
  bug(
    "log entry removed without comparing (Postgres)",
    test(POSTGRES, "the repair log loses an entry only to a stamp that isn't below it"),
    change("src/stores/postgres/statements/repair-log.ts", "AND l.stamp <= d.stamp ORDER BY", "ORDER BY"),
    change(
      "src/stores/postgres/statements/repair-log.ts",
      "AND l.record_id = k.record_id AND l.stamp <= d.stamp`",
      "AND l.record_id = k.record_id`",
    ),
  ),
  bug(
    "log entry removed without comparing (in memory)",
    schedules,
    change("test/memory/control.ts", "held === undefined || held > stamp", "held === undefined"),
  ),
  bug(
    "mirror takes states of an earlier term (Redis)",
    test(REDIS, "a mirror refuses a lower term and stays as it was"),
    change(APPLY_LUA, "fence.run ~= run or term < fence.term then", "fence.run ~= run then"),
  ),
  bug(
    "mirror takes states of an earlier term (Postgres)",
    test(POSTGRES, "a mirror refuses a lower term and stays as it was"),
    change(
      "migrations/0001_functions.sql",
      "admitted := coalesce(term = asked AND",
      "admitted := coalesce((term = asked OR term > asked AND NOT as_authority) AND",
    ),
  ),
  bug(
    "mirror takes states of an earlier term (in memory)",
    directed("late message of a lost reign"),
    change("test/memory/memory-store.ts", "if (!fence || term < fence.term)", "if (!fence)"),
  ),
  bug(
    "lookup doesn't look through the other store where a fallback answered for an incomplete one",
    test("test/engine/lookups.test.ts", "looks through both stores where the authority isn't whole"),
    change(
      "src/engine/index-lookup.ts",
      "const isWhole = !isFallback && reply.fence?.complete;",
      "const isWhole = reply.fence?.complete;",
    ),
  ),
  bug(
    "record is set aside as it stands later, not as it was refused",
    test("test/engine/drain-refused.test.ts", "is handed on as it was refused"),
    change(
      "src/engine/drain.ts",
      "reason: result.reason, value: refusedValue(held) }",
      "reason: result.reason, value: null }",
    ),
  ),
];
