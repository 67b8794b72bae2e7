/** What is true of one record, step by step, independent of what any store holds. */
import type { RecordState, StoreName } from "../../src/stores/state.js";
import type { RecordWrite } from "../../src/stores/store.js";
import { chainOf, records } from "./collections.js";
import type { Operations } from "./operations-log.js";
import type { World } from "./world.js";

export interface TrueState {
  /** From this effect on. */
  readonly from: number;
  readonly bytes: Buffer | null;
  readonly expiresAt: number | null;
  /** The operation, or what else made it true. */
  readonly by: string;
  /** 0 where the library hasn't given it one. */
  stamp: number;
  /** False for a bypass writer's work that wasn't adopted yet: a handover may drop it. */
  firm: boolean;
  /** What it was made from. */
  readonly previous: TrueState | null;
}

export class RecordTruth {
  /** Everything that ever was true, in order. */
  readonly events: TrueState[] = [];
  /** What led to the present state; what a memory loss took is cut off. */
  lineage: TrueState[] = [];

  /** A handover left a bypass writer's work behind in Redis, its mirror. */
  dropped = false;

  constructor(
    readonly id: string,
    readonly world: World,
    readonly operations: Operations,
  ) {
    this.#push({ bytes: null, expiresAt: null, by: "nothing", stamp: 0, firm: true });
  }

  get current(): TrueState {
    return this.lineage.at(-1) as TrueState;
  }

  live(store: StoreName): Buffer | null {
    return this.world[store].isPast(this.current.expiresAt) ? null : this.current.bytes;
  }

  wrote(store: StoreName, write: RecordWrite, state: RecordState): void {
    const { operationId } = write;
    const op = this.operations.of(operationId);
    const base = this.live(store);
    const was = this.current;
    if (this.lineage.some((event) => event.by === operationId)) {
      this.world.violate(
        "applied twice",
        `${operationId} on ${this.id} was applied before and is applied again by ${store}`,
      );
    }
    if (op.kind === "update" || op.kind === "update-by") {
      const [before, after] = [chainOf(base), chainOf(state.bytes)];
      const expected = before && [...before, operationId];
      if (!expected || String(expected) !== String(after)) {
        this.world.violate(
          "an update is built on what stands",
          `${operationId} on ${this.id} made [${after}] where [${before}] stood (by ${was.by})`,
        );
      }
    }
    if (op.kind === "create" && base)
      this.world.violate("create finds nothing", `${operationId} on ${this.id} replaced [${chainOf(base)}]`);
    if (write.expiresAt === "keep" && state.bytes && base && state.expiresAt !== was.expiresAt) {
      this.world.violate(
        "an update keeps the expiry",
        `${operationId} on ${this.id} made ${state.expiresAt} of ${was.expiresAt}`,
      );
    }
    this.operations.effective(operationId);
    this.#push({ bytes: state.bytes, expiresAt: state.expiresAt, by: operationId, stamp: state.stamp, firm: true });
  }

  /** It expired by one server's clock and went to the other store as a delete: it stays gone, whatever the other's clock says. */
  expired(stamp: number): void {
    this.world.cover("expired-as-delete");
    this.#push({ bytes: null, expiresAt: null, by: "expiry", stamp: Math.max(stamp, this.current.stamp), firm: true });
  }

  /** An operation id was recognised, so it must have led to what stands. */
  repeated(operationId: string): void {
    this.world.cover("repeated-operation");
    this.operations.of(operationId).repeated = true;
    if (this.lineage.some((event) => event.by === operationId)) return;
    this.world.violate(
      "repeated means applied",
      `${operationId} on ${this.id} was called a repetition, but it isn't part of what stands`,
    );
  }

  bypassed(bytes: Buffer | null, expiresAt: number | null, by: string): void {
    this.#push({ bytes, expiresAt, by, stamp: 0, firm: false });
  }

  /** Redis lost its memory, or a handover dropped what nobody adopted: the state that survives is true from now on. */
  settle(
    to: { readonly bytes: Buffer | null; readonly expiresAt: number | null; readonly stamp: number },
    why: string,
    onlySinceFirm: boolean,
  ): void {
    const floor = onlySinceFirm ? this.lineage.findLastIndex((event) => event.firm) : 0;
    const same = (event: TrueState) =>
      sameBytes(event.bytes, to.bytes) && (to.bytes === null || event.expiresAt === to.expiresAt);
    const fitting = (events: readonly TrueState[]) => {
      const isIts = (event: TrueState) => event.stamp === to.stamp && to.stamp > 0;
      const changedAt = events.findLastIndex(isIts);
      const fits: ((event: TrueState, i: number) => boolean)[] = [
        (event) => event.stamp === to.stamp && same(event),
        // A bypass writer's work may travel under the stamp of what it changed, and what expired as its own delete.
        (event, i) => changedAt >= 0 && i > changedAt && event.stamp === 0 && same(event),
        isIts,
        same,
      ];
      return fits.map((fit) => events.findLast(fit)).find((event) => event !== undefined);
    };
    // A snapshot that is older than another loss may bring back what that loss took.
    const places = onlySinceFirm ? [this.lineage.slice(floor)] : [this.lineage, this.events];
    // Where nothing is known of it, nothing is known of what led there either, though a bypass writer's delete looks the same.
    const unknown = !onlySinceFirm && to.bytes === null && to.stamp === 0;
    const found = unknown ? this.events[0] : places.map(fitting).find((event) => event !== undefined);
    if (!found) {
      this.world.violate(
        why,
        `${this.id} stands as [${chainOf(to.bytes)}] stamp ${to.stamp}, but the truth was [${chainOf(this.current.bytes)}] by ${this.current.by}`,
      );
      return;
    }
    if (found === this.current) return;
    const kept = pathTo(found);
    for (const event of this.lineage) if (!kept.includes(event)) this.operations.lose(event.by);
    this.world.cover(onlySinceFirm ? "handover-dropped-bypass" : "loss-took-writes");
    if (onlySinceFirm) this.dropped = true;
    this.lineage = kept;
    const { bytes, expiresAt, stamp, firm } = found;
    this.#push({ bytes, expiresAt, by: why, stamp, firm });
  }

  /** What stands came after a loss of everything, so of what was before it there is only what Postgres knew. */
  standsOn(row: { readonly bytes: Buffer | null; readonly expiresAt: number | null; readonly stamp: number }): void {
    const { current } = this;
    const before = this.events.findLast((event) => event !== current && event.stamp === row.stamp && event.stamp > 0);
    if (!before && row.stamp > 0) return;
    const kept = before ? pathTo(before) : this.events.slice(0, 1);
    for (const event of this.lineage) if (event !== current && !kept.includes(event)) this.operations.lose(event.by);
    const stands = { ...current, previous: kept.at(-1) ?? null };
    this.events[this.events.indexOf(current)] = stands;
    this.lineage = [...kept, stands];
  }

  /**
   * Redis reigns again, and what a handover had dropped still stands there: a bypass writer's truth, unless Redis lost its memory and
   * will be told of what it doesn't know.
   */
  returned(row: RecordState | undefined, whole: boolean): void {
    const { value, expiresAt, companion } = redisRecord(this.world, this.id);
    const same = sameBytes(value, this.live("redis")) && (value === null || expiresAt === this.current.expiresAt);
    const willBeTold = !whole && row && row.stamp > (companion?.stamp ?? 0);
    if (this.dropped && !willBeTold && !same) this.bypassed(value, expiresAt, "dropped before");
    this.dropped = false;
  }

  /** The library knows of this state by now. */
  markFirm(stamp: number): void {
    const { current } = this;
    if (stamp > 0) current.stamp = stamp;
    if (current.firm) return;
    current.firm = true;
    if (stamp > 0) this.world.cover("adoption");
  }

  /** All that was true at some moment between two effects. */
  during(start: number, end: number): TrueState[] {
    return this.events.filter(
      (event, i) => event.from <= end && (this.events[i + 1]?.from ?? Number.POSITIVE_INFINITY) > start,
    );
  }

  #push(event: Omit<TrueState, "from" | "previous">): void {
    const state = { ...event, from: this.world.sequence, previous: this.lineage.at(-1) ?? null };
    this.events.push(state);
    this.lineage.push(state);
  }
}

/** What led to a state, and it. */
function pathTo(state: TrueState): TrueState[] {
  const path: TrueState[] = [];
  for (let event: TrueState | null = state; event; event = event.previous) path.unshift(event);
  return path;
}

export function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

/** What a Redis holds of a record: the key, and what the companion tells. */
export function redisRecord(world: World, id: string) {
  const key = records.redisKey(id);
  const entry = world.redis.get(key);
  return {
    value: entry ? (entry.value as Buffer) : null,
    expiresAt: entry?.expiresAt ?? null,
    companion: world.redis.recordCompanion(key) ?? null,
  };
}
