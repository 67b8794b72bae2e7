/** What a schedule takes place on: the in-memory servers, or real ones. */
import type { StoreName } from "../../src/stores/state.js";
import type { BypassEvent } from "./bypass-writer.js";
import type { Lines } from "./lines.js";
import type { Cut } from "./plan.js";

/** How things stand, for the operator who brings a schedule to its end. */
export interface Standing {
  readonly authority: StoreName;
  /** The authority's fence is open. */
  readonly isOpen: boolean;
  readonly isGivenUp: boolean;
  /** Redis's fence speaks for its memory, and nothing is missing there. */
  readonly isWhole: boolean;
  /** Nothing is known to be missing in Postgres. */
  readonly postgresHoldsAll: boolean;
  /** Both repair logs are empty. */
  readonly isDrained: boolean;
  /** Redis decides, and its full repair log had left something out: a backfill has to copy it. */
  readonly isMarked: boolean;
  /** Somebody set a record aside that wasn't retried. */
  readonly hasRejects: boolean;
}

export interface Ground {
  /** For a new process of this name. */
  lines(process: string): Promise<Lines>;
  standing(): Standing | Promise<Standing>;
  /** Redis was given up, and not taken back. */
  readonly isGivenUp: boolean;
  /** One store is closed and the other not open yet, as far as that is known without asking. */
  readonly isBetweenReigns: boolean;

  bypass(event: BypassEvent): unknown;
  /** Keeps what Redis holds for a `restore`. */
  snapshot(): unknown;
  /** By its operator, who gave it up. */
  emptyRedis(): unknown;
  loseRedis(kind: "flush" | "restore" | "restart"): unknown;
  /** How the way to this server is for everybody from now on. */
  setLink(store: StoreName, state: "up" | Cut): void;
  /** A clock jumps. Milliseconds. */
  jump(of: StoreName | "application", byMs: number): unknown;
  /** Another program puts a text in the place of the set that follows the records. */
  occupy(): unknown;
  /** What stands in the way of writes goes. */
  putRight(): unknown;
  /** The gate before this stage is to be passed whatever it finds. */
  force(to: number): unknown;
}
