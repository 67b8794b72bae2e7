/** Who is told what was asked and answered, and judges whether it is true. */
import type { ReadOutcome } from "../../src/engine/outcome.js";
import type { Answer } from "./answers.js";
import type { Write } from "./callers.js";
import type { Lineage } from "./collections.js";
import type { SimulatedProcess } from "./simulated-process.js";

/** One attempt of a write. It ends in one of these ways. */
export interface Attempt {
  answered(answer: Answer): void;
  /** The caller was told that nothing was applied. */
  denied(message: string): void;
  unknown(): void;
}

/** One look at what stands. An error tells nothing. */
export interface Look {
  read(id: string, outcome: ReadOutcome<Lineage>): void;
  counted(id: string, outcome: ReadOutcome<number>): void;
  /** The record whose chain begins with `first`. */
  found(first: string, found: { readonly id: string; readonly value: Lineage } | null): void;
}

export interface Judge {
  /** `again`: though it was answered before. `first`: nobody asked for this operation before. */
  asks(process: SimulatedProcess, event: Write, asked: { readonly again: boolean; readonly first: boolean }): Attempt;
  looks(process: SimulatedProcess): Look;
}
