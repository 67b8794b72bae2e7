/** Keeps the repair log bounded without counting it at each write. */
import type { PostgresConnection } from "./connection.js";
import { countLog } from "./statements/count-log.js";

interface Estimate {
  /** Entries at the last count. */
  readonly counted: number;
  /** What this process added since, at most. */
  added: number;
  /** How much it may add before it counts again, since other processes add too. */
  readonly allowance: number;
  /** From here on it takes nothing new until `until` (of performance.now): counting a full log at each write would take too long. */
  readonly full: boolean;
  readonly until: number;
}

const PATIENCE_MS = 1000;
/** A count of a full log may take this part of the time. */
const PATIENCE_FACTOR = 20;

export class LogBound {
  readonly #estimates = new Map<string, Estimate>();
  readonly #counting = new Map<string, Promise<Estimate>>();

  constructor(
    private readonly connection: PostgresConnection,
    private readonly limit: number,
  ) {}

  /** How many new entries the collection's log takes from a statement that may add `wanted`. */
  async room(collection: string, wanted: number): Promise<number> {
    let estimate = this.#estimates.get(collection);
    if (!estimate || this.#isDue(estimate, wanted)) estimate = await this.#count(collection);
    if (estimate.full) return 0;
    const room = Math.max(0, this.limit - estimate.counted - estimate.added);
    estimate.added += Math.min(wanted, room);
    return room;
  }

  /** Entries were removed: a full log is counted again at the next write. */
  removed(collection: string): void {
    if (this.#estimates.get(collection)?.full) this.#estimates.delete(collection);
  }

  #isDue(estimate: Estimate, wanted: number): boolean {
    return estimate.full ? performance.now() >= estimate.until : estimate.added + wanted > estimate.allowance;
  }

  #count(collection: string): Promise<Estimate> {
    let counting = this.#counting.get(collection);
    if (!counting) {
      counting = this.#countNow(collection).finally(() => this.#counting.delete(collection));
      this.#counting.set(collection, counting);
    }
    return counting;
  }

  async #countNow(collection: string): Promise<Estimate> {
    const began = performance.now();
    const counted = await countLog(this.connection, collection, this.limit);
    const now = performance.now();
    const estimate: Estimate = {
      counted,
      added: 0,
      allowance: Math.min(this.limit - counted, Math.ceil(this.limit / 4)),
      full: this.limit - counted < Math.max(1, this.limit / 100),
      until: now + Math.max(PATIENCE_MS, PATIENCE_FACTOR * (now - began)),
    };
    this.#estimates.set(collection, estimate);
    return estimate;
  }
}
