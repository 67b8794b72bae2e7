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
  bug(
    "refill of one counter of a call brings what a handover dropped of another",
    test("test/engine/counters.test.ts", "not for what the handover dropped of the others"),
    change(
      "src/engine/counters.ts",
      "refillCounters(context, collection, lacking, operation, incomplete)",
      "refillCounters(context, collection, ids, operation, incomplete)",
    ),
  ),
  bug(
    "mirror believes a bypass writer's word on a counter's expiry (Redis)",
    test(REDIS, "that let a counter live on is overwritten by the very state"),
    change(APPLY_LUA, "(h.sum ~= sum or not same_moment(h.expires, expires))", "h.sum ~= sum"),
  ),
  bug(
    "counter that a bypass writer deleted lives for ever once it is counted (Postgres)",
    test(POSTGRES, "where a bypass writer's delete was taken over before"),
    change("src/stores/postgres/statements/add-to-counters.ts", "AND (${counts} OR", "AND (true OR"),
  ),
  bug(
    "counter that lost against a newer state leaves it its operations (Redis)",
    test(REDIS, "of a snapshot yields whole to a newer state that doesn't descend from it"),
    change(APPLY_LUA, "ops = later and m.ops or both }", "ops = both }"),
  ),
  bug(
    "counter that expired isn't told to a Redis that lost its memory",
    test("test/strategy/refill.test.ts", "is told what expired too"),
    change("src/engine/refetch.ts", 'from === "postgres" ? (held.last ?? null) : null', "null as never"),
  ),
];
