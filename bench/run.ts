/** What each bench is given: how thorough to be, and where its figures go. */
import type { Figure } from "./figure.js";

export interface Run {
  /** Short turns and small data. */
  readonly quick: boolean;
  readonly turns: Turns;
  /** Keys of the largest keyspace, where the bench has one. */
  readonly keys: number | undefined;
  /** Whether rows of this name were asked for. */
  wants(name: string): boolean;
  tell(figure: Figure): void;
}

export interface Turns {
  readonly count: number;
  readonly ms: number;
}

export type Bench = (run: Run) => Promise<void>;
