/** What must hold after every effect. */
import { type CounterState, mergeCounters } from "../../src/stores/state.js";
import { isComplete, type StoredFence } from "../memory/control.js";
import { chainOf, counters, records } from "./collections.js";
import { sumOf } from "./counter-loss.js";
import { type CounterTruth, redisCounter } from "./counter-truth.js";
import { type RecordTruth, redisRecord, sameBytes } from "./record-truth.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

/** Redis's fence, where it speaks for the present memory. */
function redisFence(world: World): StoredFence | null {
  const { fence } = world.redis.control;
  return fence?.runId === world.redis.runId ? fence : null;
}

function isWhole(world: World, store: "redis" | "postgres", collection: string): boolean {
  const fence = store === "redis" ? redisFence(world) : world.postgres.control.fence;
  return fence !== null && isComplete(fence, collection);
}

/** Whether Redis is a mirror of which nothing is known to be missing. */
function isMirrored(world: World, collection: string): boolean {
  return !world.postgres.control.fence?.redisGivenUp && isWhole(world, "redis", collection);
}

function isLogged(world: World, store: "redis" | "postgres", collection: string, id: string, stamp: number): boolean {
  const { control } = world[store];
  return control.hasOverflowed(collection) || (control.logs.get(collection)?.get(id) ?? -1) >= stamp;
}

export function checkRecords(truth: Truth, one: RecordTruth): void {
  const { world } = truth;
  const { id } = one;
  const redis = redisRecord(world, id);
  const row = world.postgres.records(records).get(id);
  const held = { redis: redis.companion?.stamp ?? 0, postgres: row?.stamp ?? 0 };
  rises(truth, `postgres/${id}`, held.postgres);

  const { companion } = redis;
  const told =
    companion !== null &&
    sameBytes(companion.bytes, redis.value) &&
    (redis.value === null || companion.expiresAt === redis.expiresAt);
  // What a snapshot brought back says nothing of what was there before, equal as it may look.
  if (
    truth.authority === "redis" &&
    !truth.loss &&
    sameBytes(one.current.bytes, redis.value) &&
    (redis.value === null || one.current.expiresAt === redis.expiresAt)
  ) {
    if (told) one.markFirm(companion.stamp);
    else if (!companion && row && sameBytes(row.bytes, redis.value) && row.expiresAt === redis.expiresAt)
      one.markFirm(0);
  }

  const { authority } = truth;
  if (truth.loss) return;
  const { bytes, expiresAt: end, stamp } = one.current;
  if (bytes && (world.redis.isPast(end) || world.postgres.isPast(end))) {
    const [trace, value] = authority === "redis" ? [companion, redis.value] : [row, null];
    const isDelete = trace?.bytes === null && trace.stamp >= stamp && !value;
    if (isDelete || (!trace && !value && isWhole(world, authority, records.name))) one.expired(held[authority]);
  }
  if (!isWhole(world, authority, records.name)) return;
  const stands = authority === "redis" ? redis.value : row && !world.postgres.isPast(row.expiresAt) ? row.bytes : null;
  const expiresAt = authority === "redis" ? redis.expiresAt : (row?.expiresAt ?? null);
  const live = one.live(authority);
  if (!sameBytes(stands, live) || (live && expiresAt !== one.current.expiresAt)) {
    world.violate(
      "the authority holds the truth",
      `${id} is [${chainOf(live)}] until ${one.current.expiresAt} by ${one.current.by}, but ${authority} holds [${chainOf(stands)}] until ${expiresAt}`,
    );
  }

  const mirror = authority === "redis" ? "postgres" : "redis";
  if (mirror === "redis" && !isMirrored(world, records.name)) return;
  const [mine, theirs] = [held[authority], held[mirror]];
  const bytesIn = { redis: companion?.bytes ?? null, postgres: row?.bytes ?? null };
  const mineBytes = bytesIn[authority];
  // Each store forgets what is dead when its own time is over, and has nothing of it then.
  const isDead = (moment: number | null | undefined) =>
    world.redis.isPast(moment ?? null) || world.postgres.isPast(moment ?? null);
  const dead = {
    redis: bytesIn.redis === null || isDead(companion?.expiresAt),
    postgres: bytesIn.postgres === null || isDead(row?.expiresAt),
  };
  const isForgotten = world.sweeps && dead.redis && dead.postgres && Math.min(mine, theirs) === 0;
  if (isForgotten) return;
  const isSetAside = truth.isSetAside(id, mineBytes, mine, dead[authority]);
  if (mine > theirs && !isLogged(world, authority, records.name, id, mine) && !isSetAside) {
    world.violate(
      "the log covers what the mirror lacks",
      `${id}: ${authority} holds stamp ${mine}, ${mirror} ${theirs}, and there is no log entry`,
    );
  }
  // What has ended may be forgotten before the mirror was told: the log still says that it has to be.
  const isOwed = world.sweeps && isLogged(world, authority, records.name, id, theirs);
  // A Redis that was set up alone finds out what Postgres has when that is back.
  if (theirs > mine && !truth.alone && !isOwed)
    world.violate(
      "the mirror isn't ahead",
      `${id}: ${mirror} holds stamp ${theirs}, the authority ${authority} ${mine}`,
    );
  if (mine === theirs && mine > 0 && told && row) {
    const gone = row.bytes === null || redis.value === null;
    const past = world.redis.isPast(row.expiresAt) || world.postgres.isPast(row.expiresAt);
    const bothGone = gone && (row.bytes === null || past) && redis.value === null;
    if (!bothGone && (!sameBytes(row.bytes, redis.value) || row.expiresAt !== redis.expiresAt)) {
      world.violate(
        "equal stamps mean equal states",
        `${id} at ${mine}: Redis [${chainOf(redis.value)}] until ${redis.expiresAt}, Postgres [${chainOf(row.bytes)}] until ${row.expiresAt}`,
      );
    }
  }
}

function rises(truth: Truth, name: string, stamp: number): void {
  const before = truth.stamps.get(name) ?? 0;
  if (stamp < before) truth.world.violate("stamps only rise", `${name} fell from ${before} to ${stamp}`);
  truth.stamps.set(name, stamp);
}

export function checkCounters(truth: Truth, one: CounterTruth): void {
  const { world } = truth;
  const { id } = one;
  const { sum, known, expiresAt } = redisCounter(world, id);
  const row = world.postgres.counters(counters).get(id);
  if (truth.authority === "redis" && !truth.loss && one.sumAt("redis") === (sum ?? 0)) {
    const says = (state: CounterState) =>
      sumOf(state) === (sum ?? 0) && (sum === null || state.expiresAt === expiresAt);
    if ((known && says(known)) || (row && says(row) && row.generation === (known?.generation ?? 0))) one.markFirm();
  }

  const { authority } = truth;
  if (truth.loss || !isWhole(world, authority, counters.name)) return;
  const live = row && !world.postgres.isPast(row.expiresAt) ? row : null;
  const stands = authority === "redis" ? (sum ?? 0) : live ? sumOf(live) : 0;
  const end = authority === "redis" ? expiresAt : (live?.expiresAt ?? null);
  const should = one.sumAt(authority);
  if (stands !== should || (stands > 0 && end !== one.current.expiresAt)) {
    world.violate(
      "counts are exact",
      `${id} is ${should} until ${one.current.expiresAt} by ${one.current.by}, but ${authority} holds ${stands} until ${end}`,
    );
  }

  const mirror = authority === "redis" ? "postgres" : "redis";
  if (mirror === "redis" && !isMirrored(world, counters.name)) return;
  // A bypass writer's growth counts before it is adopted, where Redis decides. In the mirror it may be dropped, or stand there already.
  const grown = known && sum !== null && sum > sumOf(known) ? { ...known, redisPart: sum - known.postgresPart } : known;
  const [mine, held, ahead] = authority === "redis" ? [known, row, row] : [row, grown, known];
  const standing = authority === "redis" ? grown : row;
  // What a bypass writer takes away from the mirror is no log's matter, nor what another had added before: that was carried over.
  const isTaken = authority === "postgres" && known !== null && (sum ?? 0) < sumOf(known);
  // What expired counts nothing, and isn't brought back after a memory loss.
  const isOver = (state: CounterState) => world.redis.isPast(state.expiresAt) || world.postgres.isPast(state.expiresAt);
  if (
    mine &&
    mine.stamp > 0 &&
    !isOver(mine) &&
    !isTaken &&
    !(held && includes(held, mine)) &&
    !isLogged(world, authority, counters.name, id, mine.stamp)
  ) {
    world.violate(
      "the log covers what the mirror lacks",
      `${id}: ${authority} holds ${parts(mine)}, ${mirror} ${parts(held)}, and there is no log entry`,
    );
  }
  // A closed Redis adopts nothing: what a bypass writer takes away from now on was carried over before.
  const isClosed = authority === "redis" && world.redis.control.fence?.role === "closed";
  if (
    !truth.alone &&
    !isClosed &&
    ahead &&
    ahead.stamp > 0 &&
    !isOver(ahead) &&
    !(standing && includes(standing, ahead))
  ) {
    world.violate(
      "the mirror isn't ahead",
      `${id}: ${mirror} holds ${parts(ahead)}, the authority ${authority} ${parts(mine)}`,
    );
  }
}

function includes(whole: CounterState, part: CounterState): boolean {
  const merged = mergeCounters(whole, part);
  return (
    merged.generation === whole.generation &&
    merged.redisPart === whole.redisPart &&
    merged.postgresPart === whole.postgresPart
  );
}

function parts(state: CounterState | null | undefined): string {
  return state
    ? `(generation ${state.generation}, ${state.redisPart} + ${state.postgresPart}, stamp ${state.stamp})`
    : "nothing";
}
