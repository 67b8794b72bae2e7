/** What became of one key, and for one that was set aside why. */
import type { Stamp } from "../../stores/state.js";
import type { Outcome } from "./tally.js";

/** `stamp`: of the state that came to this end, for the rejects list; 0: it was never stamped, or isn't known. */
export type Ending =
  | { readonly outcome: Exclude<Outcome, "setAside">; readonly stamp: Stamp }
  | { readonly outcome: "setAside"; readonly reason: string; readonly value: Buffer | null; readonly stamp: Stamp };

export function ended(outcome: Exclude<Outcome, "setAside">, stamp: Stamp = 0): Ending {
  return { outcome, stamp };
}

/** `value`: its bytes, as far as they are at hand. */
export function setAside(reason: string, value: Buffer | null, stamp: Stamp = 0): Ending {
  return { outcome: "setAside", reason: reason.replaceAll(/\s+/g, " ").trim(), value, stamp };
}
