/** Bugs in what surrounds records: the sets that follow them, how long the dead are kept, clocks that jump, a Redis that refuses. */
import { bug, change, type PlantedBug, schedules, test } from "../planted-bug.js";

const REDIS = "test/contract/redis.test.ts";

export const SURROUNDING_BUGS: readonly PlantedBug[] = [
  bug(
    "sets don't follow what is brought (Redis)",
    test(REDIS, "of a set follows what is applied"),
    change("src/stores/redis/scripts/apply-records.ts", "    follow(k + 2, a + 7, follows, stamp)\n", ""),
  ),
  bug(
    "sets don't follow a delete (Redis)",
    test(REDIS, "of a set follows its records"),
    change(
      "src/stores/redis/scripts/prelude.ts",
      "redis.call('SREM', key, member)",
      "redis.call('SISMEMBER', key, member)",
    ),
  ),
  bug(
    "sets don't follow what is brought (in memory)",
    schedules,
    change(
      "test/memory/redis-records.ts",
      "      this.server.setMember(set, member, present, ttlSeconds);",
      "      if (!confirmed) this.server.setMember(set, member, present, ttlSeconds);",
    ),
  ),
  bug(
    "sweep asks neither the log nor for how long (in memory)",
    schedules,
    change(
      "test/memory/postgres-sweep.ts",
      "      diedAt < server.now() - retentionMs &&\n      isConfirmed(id) &&\n",
      "      diedAt <= server.now() &&\n",
    ),
    change("test/memory/postgres-sweep.ts", "!retained.has(row) && isConfirmed(id)", "!retained.has(row)"),
  ),
  bug(
    "stamps follow a clock that is put back",
    schedules,
    change(
      "src/stores/state.ts",
      "Math.max(micros, held + 1)",
      "held - micros > 500_000 ? micros : Math.max(micros, held + 1)",
    ),
  ),
  bug(
    "what the mirror refuses counts as told",
    schedules,
    change(
      "src/engine/mirror.ts",
      "      fail(context, collection, reign, messages, result.reason);\n      continue;\n",
      "      fail(context, collection, reign, messages, result.reason);\n",
    ),
  ),
];
