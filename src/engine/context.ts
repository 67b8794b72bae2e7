/** What every part of the engine needs. */
import type { BulkheadPolicy } from "cockatiel";
import type { Guard } from "../stores/guard.js";
import type { StoreName } from "../stores/state.js";
import type { EventHub } from "./events.js";
import type { InFlight } from "./in-flight.js";
import type { LogClearer } from "./log-clearer.js";
import type { TermView } from "./term-view.js";

/** How operations behave under the strategy this process follows now. */
export interface Policy {
  /** Whether a write waits for the mirror, or leaves it to the repair log. */
  readonly mirror: "awaited" | "background";
  /** Whether a read that fails may be answered by the other store. */
  readonly fallback: boolean;
  /** Share of reads compared with the mirror, 0 to 1. */
  readonly compare: number;
}

export interface Deadlines {
  /** Milliseconds for a whole read. */
  readonly read: number;
  /** Milliseconds for a whole write. */
  readonly write: number;
  /** Milliseconds a write waits for the mirror. */
  readonly mirror: number;
}

export interface EngineContext {
  /** Absent: Redis was given up, or isn't configured. */
  readonly redis: Guard | null;
  readonly postgres: Guard;
  readonly term: TermView;
  readonly policy: () => Policy;
  readonly deadlines: Deadlines;
  readonly events: EventHub;
  readonly clearer: LogClearer;
  /** Whether other programs write the legacy keys. */
  readonly bypassWriters: boolean;
  /** Operations in flight: bounded, and waited for when closing. */
  readonly inFlight: InFlight;
  /** Bounds the reads that fall back. */
  readonly herd: BulkheadPolicy;
  /** `incomplete`: a miss is looked up in the other store only while the one that was read is incomplete. */
  readonly lookElsewhere: "incomplete" | "always" | "never";
}

/** What working off the repair logs needs. */
export type DrainContext = Pick<EngineContext, "redis" | "postgres" | "term" | "events">;

export function guardOf(context: Pick<EngineContext, "redis" | "postgres">, name: StoreName): Guard | null {
  return name === "redis" ? context.redis : context.postgres;
}
