/** What became of one key, and for one that was set aside why. */
import type { Outcome } from "./tally.js";

export type Ending =
  | { readonly outcome: Exclude<Outcome, "setAside"> }
  | { readonly outcome: "setAside"; readonly reason: string; readonly value: Buffer | null };

export function ended(outcome: Exclude<Outcome, "setAside">): Ending {
  return { outcome };
}

/** `value`: its bytes, as far as they are at hand. */
export function setAside(reason: string, value: Buffer | null): Ending {
  return { outcome: "setAside", reason: reason.replaceAll(/\s+/g, " ").trim(), value };
}
