/** What a readiness probe and a dashboard ask. */
import type { EngineContext } from "../engine/context.js";
import type { EventName } from "../engine/events.js";
import type { Collection } from "../stores/collection.js";
import { describe, type Guard } from "../stores/guard.js";
import type { StoreName } from "../stores/state.js";
import type { Fleet } from "../strategy/fleet.js";
import type { StrategyName } from "../strategy/strategies.js";

export interface StoreHealth {
  readonly reachable: boolean;
  /** Round trip in milliseconds; null if it didn't answer. */
  readonly latencyMs: number | null;
  readonly circuit: "closed" | "open" | "half-open";
  readonly error?: string;
}

export interface Health {
  readonly strategy: StrategyName;
  /** The store that decides outcomes now; null while that is being settled. */
  readonly authority: StoreName | null;
  readonly term: number | null;
  /** Why the authority isn't where the strategy wants it; null: it is. */
  readonly waitingFor: string | null;
  /** Null: not connected (given up, or not configured). */
  readonly redis: StoreHealth | null;
  readonly postgres: StoreHealth;
  /** Age of the oldest entry of the authority's repair log, milliseconds. */
  readonly lagMs: number;
  readonly repairLog: { readonly entries: number; readonly overflowed: readonly string[] };
  /** Operations under way in this process. */
  readonly inFlight: number;
  /** Operations can be served: an authority is known and answers. */
  readonly ready: boolean;
  /** Reads compared with the mirror since the start, and how many of them differed. */
  readonly samples: { readonly compared: number; readonly differed: number };
  /** Events since the start. */
  readonly counts: Readonly<Record<EventName, number>>;
}

const PROBE_MS = 1000;

export async function readHealth(
  context: EngineContext,
  fleet: Fleet,
  collections: readonly Collection[],
  samples: Health["samples"],
): Promise<Health> {
  const [redis, postgres] = await Promise.all([probe(context.redis), probe(context.postgres)]);
  const reign = context.term.reign;
  const authority = reign && (reign.authority === "redis" ? context.redis : context.postgres);
  let lagMs = 0;
  let entries = 0;
  const overflowed: string[] = [];
  if (authority) {
    const statuses = await Promise.allSettled(
      collections.map((collection) => authority.attempt((store) => store.logStatus(collection), PROBE_MS)),
    );
    statuses.forEach((status, i) => {
      if (status.status !== "fulfilled") return;
      lagMs = Math.max(lagMs, status.value.lagMs);
      entries += status.value.entries;
      if (status.value.overflowed) overflowed.push((collections[i] as Collection).name);
    });
  }
  const answers = reign?.authority === "redis" ? redis?.reachable : postgres.reachable;
  return {
    strategy: fleet.strategy,
    authority: reign?.authority ?? null,
    term: reign?.term ?? null,
    waitingFor: fleet.waitingFor,
    redis,
    postgres: postgres as StoreHealth,
    lagMs,
    repairLog: { entries, overflowed },
    inFlight: context.inFlight.size,
    ready: reign !== null && (answers ?? false),
    samples: { ...samples },
    counts: { ...context.events.counts },
  };
}

async function probe<G extends Guard | null>(guard: G): Promise<StoreHealth | (G extends null ? null : never)> {
  if (!guard) return null as G extends null ? null : never;
  const start = performance.now();
  try {
    await guard.attempt((store) => store.now(), PROBE_MS);
    return { reachable: true, latencyMs: Math.round((performance.now() - start) * 100) / 100, circuit: guard.circuit };
  } catch (error) {
    return { reachable: false, latencyMs: null, circuit: guard.circuit, error: describe(error) };
  }
}
