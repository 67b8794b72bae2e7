/** A program that writes the legacy keys directly, where the promises say what becomes of its work. */
import { isComplete } from "../memory/control.js";
import { chainOf, collections, counters, encode, isMember, MEMBERS, records } from "./collections.js";
import type { PlannedEvent } from "./plan.js";
import { redisRecord } from "./record-truth.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

export type BypassEvent = Extract<PlannedEvent, { kind: `bypass-${string}` }>;

/**
 * `all`: anything goes. `new`: after a full memory loss only new values can be told from what is missing. `none`: nobody can say
 * whether a change came before or after a restart, or Postgres is the authority.
 */
function allowed(world: World, truth: Truth): "all" | "new" | "none" {
  if (truth.authority !== "redis" || world.links.redis.state !== "up") return "none";
  const { fence } = world.redis.control;
  if (truth.loss) return truth.loss === "all" ? "new" : "none";
  if (!fence || collections.every(({ name }) => isComplete(fence, name))) return "all";
  return fence.bareTrusted ? "new" : "none";
}

export function bypass(world: World, truth: Truth, event: BypassEvent): void {
  const may = allowed(world, truth);
  const adds = event.kind === "bypass-set" || event.kind === "bypass-count";
  if (may === "none" || (may === "new" && !adds)) return;
  // A closed Redis adopts nothing: a state is carried over with the end that it had, or with this one.
  if (event.kind === "bypass-expire" && world.redis.control.fence?.role === "closed") return;
  // What expires before it was looked at leaves no trace of having been.
  if (may === "new" && event.kind === "bypass-set" && event.ttlMs !== undefined) return;
  // What has to be added to a count that ends may come too late for that.
  if (
    may === "new" &&
    !truth.loss &&
    event.kind === "bypass-count" &&
    truth.counter(event.id).current.expiresAt !== null
  )
    return;
  world.effect("bypass", `${event.kind} ${event.op} on ${event.id}`, () => {
    world.cover(event.kind);
    const key = (event.kind.endsWith("count") ? counters : records).redisKey(event.id);
    switch (event.kind) {
      case "bypass-set": {
        const expiresAt = event.ttlMs === undefined ? null : world.redis.now() + event.ttlMs;
        const bytes = encode([event.op]);
        world.redis.bypassSet(key, bytes, expiresAt);
        follow(world, event.id, bytes);
        return truth.record(event.id).bypassed(bytes, expiresAt, event.op);
      }
      case "bypass-delete":
        if (redisRecord(world, event.id).value === null) return;
        world.redis.bypassDel(key);
        follow(world, event.id, null);
        return truth.record(event.id).bypassed(null, null, event.op);
      case "bypass-expire": {
        const { value } = redisRecord(world, event.id);
        if (value === null) return;
        const expiresAt = world.redis.now() + event.ttlMs;
        world.redis.bypassExpire(key, expiresAt);
        return truth.record(event.id).bypassed(value, expiresAt, event.op);
      }
      case "bypass-count": {
        const counter = truth.counter(event.id);
        const live = counter.sumAt("redis");
        world.redis.bypassIncr(key, event.by);
        // The increment of what isn't there begins a key without an expiry.
        return counter.bypassed(live + event.by, live > 0 ? counter.current.expiresAt : null, event.op);
      }
      case "bypass-uncount":
        if (!world.redis.get(key)) return;
        world.redis.bypassDel(key);
        return truth.counter(event.id).bypassed(0, null, event.op);
    }
  });
}

/** He keeps the set himself, where it is one. */
function follow({ redis }: World, id: string, bytes: Buffer | null): void {
  if (!Buffer.isBuffer(redis.get(MEMBERS)?.value)) redis.setMember(MEMBERS, id, isMember(chainOf(bytes)));
}
