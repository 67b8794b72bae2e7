/** Bugs in counters: parts, generations, repetitions, the refill after a memory loss. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of the source
import { bug, change, type PlantedBug, schedules, test } from "../planted-bug.js";

const REDIS = "test/contract/redis.test.ts";
const POSTGRES = "test/contract/postgres.test.ts";
const APPLY_LUA = "src/stores/redis/scripts/apply-counters.ts";
const APPLY_SQL = "src/stores/postgres/statements/apply-counters.ts";
const STATE = "src/stores/state.ts";
const BY_PARTS = "takes the greater of each part within a generation";
const BY_GENERATION = "keeps its generation from a lesser one, though it counts more";

export const COUNTER_BUGS: readonly PlantedBug[] = [
  bug(
    "counter mirrored by adding (Redis)",
    test(REDIS, BY_PARTS),
    change(APPLY_LUA, "red = math.max(held.red, m.red)", "red = held.red + m.red"),
  ),
  bug(
    "counter mirrored by adding (Postgres)",
    test(POSTGRES, BY_PARTS),
    change(
      APPLY_SQL,
      "ELSE greatest(t.${column}, excluded.${column}) END`",
      "ELSE t.${column} + excluded.${column} END`",
    ),
  ),
  bug(
    "counter mirrored by adding (in memory)",
    schedules,
    change(STATE, "redisPart: Math.max(a.redisPart, b.redisPart),", "redisPart: a.redisPart + b.redisPart,"),
  ),
  bug(
    "counter without generation (Redis)",
    test(REDIS, BY_GENERATION),
    change(APPLY_LUA, "  if m.gen < held.gen then return held end\n", ""),
  ),
  bug(
    "counter without generation (Postgres)",
    test(POSTGRES, BY_GENERATION),
    change(APPLY_SQL, "OR excluded.${sync.syncGeneration} = t.${sync.syncGeneration} AND (", "OR ("),
  ),
  bug(
    "counter without generation (in memory)",
    schedules,
    change(STATE, "if (a.generation !== b.generation) return a.generation > b.generation ? a : b;", ""),
  ),
  bug(
    "repeated increment counts again (Redis)",
    test(REDIS, "a repeated increment counts once"),
    change(
      "src/stores/redis/scripts/add-to-counters.ts",
      "  elseif has_operation(h.ops, op) then\n",
      "  elseif false then\n",
    ),
  ),
  bug(
    "repeated increment counts again (in memory)",
    schedules,
    change("test/memory/redis-counters.ts", "if (s.known && held.includes(add.operationId))", "if (false)"),
  ),
  bug(
    "counter counted before it is refilled (Redis)",
    test(REDIS, "isn't counted before it is refilled"),
    change(
      "src/stores/redis/scripts/add-to-counters.ts",
      "    suspects[ARGV[a + 2]] = true\n",
      "    suspects[ARGV[a + 2]] = nil\n",
    ),
  ),
];
