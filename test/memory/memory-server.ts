/** What both in-memory servers share: a clock of their own and the control data. Several clients share one server. */
import { RETENTION_MS } from "../../src/stores/state.js";
import { Control } from "./control.js";

export interface MemoryServerOptions {
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number;
  /** How far this server's clock is ahead of `clock`. Milliseconds. @default 0 */
  readonly clockOffsetMs?: number;
  /** How long the dead are kept. Milliseconds. @default RETENTION_MS */
  readonly retentionMs?: number | undefined;
}

export abstract class MemoryServer {
  clock: () => number;
  clockOffsetMs: number;
  readonly retentionMs: number;
  control = new Control();

  constructor(options: MemoryServerOptions = {}) {
    this.clock = options.clock ?? Date.now;
    this.clockOffsetMs = options.clockOffsetMs ?? 0;
    this.retentionMs = options.retentionMs ?? RETENTION_MS;
  }

  /** This server's clock, whole milliseconds. */
  now(): number {
    return Math.floor(this.clock() + this.clockOffsetMs);
  }

  /** This server's clock in microseconds, for stamps. */
  micros(): number {
    return this.now() * 1000;
  }

  /** Whether a moment has come. */
  isPast(moment: number | null): boolean {
    return moment !== null && moment <= this.now();
  }
}
