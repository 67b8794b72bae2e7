/** What settling terms, moving the authority and watching the fleet need. */
import type { EventHub } from "../engine/events.js";
import type { TermView } from "../engine/term-view.js";
import type { Collection } from "../stores/collection.js";
import type { Evidence } from "../stores/evidence.js";
import type { Guard } from "../stores/guard.js";
import type { PostgresSide, RedisSide } from "../stores/sides.js";

export interface FleetContext {
  /** Names this process in leases, decisions and tasks. */
  readonly processId: string;
  /** Null: not configured, or given up. */
  readonly redis: Guard<RedisSide> | null;
  readonly postgres: Guard<PostgresSide>;
  readonly collections: readonly Collection[];
  readonly term: TermView;
  readonly evidence: Evidence;
  readonly events: EventHub;
}

/** How long one control call may take. Milliseconds. */
export const CONTROL_MS = 2000;
