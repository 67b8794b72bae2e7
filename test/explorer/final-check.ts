/** What must hold once faults have ended and everything is drained and refilled. */
import { chainOf, counters, records } from "./collections.js";
import { sumOf } from "./counter-loss.js";
import { redisCounter } from "./counter-truth.js";
import { redisRecord, sameBytes } from "./record-truth.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

/** What verify leaves to the clocks, and the time since. Milliseconds. */
const SOON_MS = 3000;

/** Both stores are equal to each other and to what is true. */
export function checkEqual(truth: Truth): void {
  const { world } = truth;
  const givenUp = world.postgres.control.fence?.redisGivenUp ?? false;
  for (const one of truth.records.values()) {
    const redis = redisRecord(world, one.id);
    const row = world.postgres.records(records).get(one.id);
    const inPostgres = row && !world.postgres.isPast(row.expiresAt) ? row : { bytes: null, expiresAt: null };
    const live = one.live(truth.authority);
    const expiresAt = one.current.expiresAt;
    if (endsSoon(world, expiresAt, redis.expiresAt, row?.expiresAt)) continue;
    if (givenUp) {
      if (!sameBytes(inPostgres.bytes, live))
        world.violate(
          "in the end Postgres holds the truth",
          `${one.id}: true [${chainOf(live)}], Postgres [${chainOf(inPostgres.bytes)}]`,
        );
      continue;
    }
    const same = sameBytes(redis.value, live) && sameBytes(inPostgres.bytes, live);
    const sameExpiry = live === null || (redis.expiresAt === expiresAt && inPostgres.expiresAt === expiresAt);
    if (!same || !sameExpiry) {
      world.violate(
        "in the end both stores are equal",
        `${one.id}: true [${chainOf(live)}] until ${expiresAt}, Redis [${chainOf(redis.value)}] until ${redis.expiresAt}, Postgres [${chainOf(inPostgres.bytes)}] until ${inPostgres.expiresAt}`,
      );
    }
  }
  for (const one of truth.counters.values()) {
    const [redis, row] = [redisCounter(world, one.id), world.postgres.counters(counters).get(one.id)];
    const sum = one.sumAt(truth.authority);
    if (endsSoon(world, one.current.expiresAt, redis.expiresAt, row?.expiresAt)) continue;
    const live = row && !world.postgres.isPast(row.expiresAt) ? sumOf(row) : 0;
    const sums = [givenUp ? sum : (redis.sum ?? 0), live];
    if (sums.some((held) => held !== sum))
      world.violate(
        "in the end both stores are equal",
        `${one.id}: true ${sum}, Redis ${sums[0]}, Postgres ${sums[1]}`,
      );
  }
}

/** Verify leaves to the clocks what ends soon: near its end, the two servers may stand on either side of it. */
function endsSoon(world: World, ...ends: readonly (number | null | undefined)[]): boolean {
  const now = Math.max(world.redis.now(), world.postgres.now());
  return ends.some((end) => typeof end === "number" && end <= now + SOON_MS && end > now - SOON_MS);
}
