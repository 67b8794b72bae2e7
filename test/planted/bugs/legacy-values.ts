/** Bugs in what becomes of a legacy value: adoption, its companion, its expiry. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of the source
import { bug, change, type PlantedBug, schedules, test } from "../planted-bug.js";

const REDIS = "test/contract/redis.test.ts";
const STEPS = "test/stores/atomic-steps.test.ts";
const WRITE_LUA = "src/stores/redis/scripts/write-records.ts";
const APPLY_LUA = "src/stores/redis/scripts/apply-records.ts";
const PRELUDE_LUA = "src/stores/redis/scripts/prelude.ts";
const REDIS_RECORDS = "src/stores/redis/record-writes.ts";
const APPLY_SQL = "src/stores/postgres/statements/apply-records.ts";

export const LEGACY_VALUE_BUGS: readonly PlantedBug[] = [
  bug(
    "bare value overwritten instead of adopted (Redis)",
    test(REDIS, "is kept out by a bare value that came after a full loss, which is adopted above it"),
    change(
      APPLY_LUA,
      "if stamp > 0 and not fence.trusted then return 'write' end",
      "if stamp > 0 then return 'write' end",
    ),
  ),
  bug(
    "bare value overwritten instead of adopted (in memory)",
    schedules,
    change(
      "test/memory/redis-put-back.ts",
      "return !records.isBare(s) || !records.fence?.bareTrusted;",
      "return true;",
    ),
  ),
  bug(
    "bypass writer's change overwritten instead of adopted (Redis)",
    test(REDIS, "is compared and set as it was read, and conflicts when it changed since"),
    change(WRITE_LUA, " or (live and h.digest or '-') ~= exp_digest)", ")"),
  ),
  bug(
    "bypass writer's change overwritten instead of adopted (in memory)",
    schedules,
    change(
      "test/memory/redis-records.ts",
      "return expected.bytes === null ? s.value === null : (s.value?.equals(expected.bytes) ?? false);",
      "return true;",
    ),
  ),
  bug(
    "bypass writer's change passed over where many are looked at (Redis)",
    test("test/stores/look-at-many.test.ts", "records that the library wrote"),
    change("src/stores/redis/look-at-many.ts", " || digest !== digestOf(bytes);", ";"),
  ),
  bug(
    "companion dies with its value (Redis)",
    test(REDIS, "makes a miss of the record that still knows its stamp and operations"),
    change(PRELUDE_LUA, "set_until(key, raw, c.expires and c.expires + RETENTION)", "set_until(key, raw, c.expires)"),
  ),
  bug(
    "companion dies with its value (in memory)",
    schedules,
    change(
      "test/memory/redis-records.ts",
      "goneAt: goneFrom === null ? null : goneFrom + this.server.retentionMs,",
      "goneAt: goneFrom,",
    ),
  ),
  bug(
    "expiry as a duration (Redis)",
    test(STEPS, "RedisStore takes an expiry as a moment"),
    change(
      REDIS_RECORDS,
      '      state.expiresAt ?? "-",',
      '      state.expiresAt === null ? "-" : state.expiresAt - Date.now(),',
    ),
    change(
      APPLY_LUA,
      "  local expires = tonumber(ARGV[a + 4])\n",
      "  local expires = tonumber(ARGV[a + 4])\n  if expires then expires = now_ms + expires end\n",
    ),
  ),
  bug(
    "expiry as a duration (Postgres)",
    test(STEPS, "PostgresStore takes an expiry as a moment"),
    change(
      APPLY_SQL,
      "(state.bytes === null ? null : state.expiresAt)",
      "(state.bytes === null || state.expiresAt === null ? null : state.expiresAt - Date.now())",
    ),
    change(APPLY_SQL, '${toTimestamp("i.expires")}', "clock_timestamp() + i.expires * interval '1 millisecond'"),
  ),
  bug(
    "expiry as a duration (in memory)",
    schedules,
    change(
      "test/memory/postgres-records.ts",
      '    this.#rows.set(id, state);\n    return { kind: "applied" };',
      '    const expiresAt = state.expiresAt === null ? null : this.server.now() + state.expiresAt - Date.now();\n    this.#rows.set(id, { ...state, expiresAt });\n    return { kind: "applied" };',
    ),
  ),
  bug(
    "expiry doesn't travel",
    schedules,
    change(
      "src/engine/refetch.ts",
      "return { stamp: held.stamp, bytes: held.bytes, expiresAt: held.expiresAt, operations: held.operations };",
      "return { stamp: held.stamp, bytes: held.bytes, expiresAt: null, operations: held.operations };",
    ),
  ),
];
