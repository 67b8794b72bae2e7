/** Some keys of each outcome, to look at before anything is done. */
import { hashKey } from "../../engine/events.js";
import type { Ending } from "./ending.js";
import type { Outcome } from "./tally.js";

export interface Sample {
  readonly outcome: Outcome;
  /** The collection, or for an ignored key the pattern of its name. */
  readonly of: string;
  /** A hash of the collection and the key, or the key itself if keys were asked for. */
  readonly key: string;
  /** Why it would be set aside. */
  readonly reason?: string;
}

/** Of each outcome. */
const AT_MOST = 5;

export class Samples {
  readonly #showKeys: boolean;
  readonly #taken: Sample[] = [];

  constructor(showKeys: boolean) {
    this.#showKeys = showKeys;
  }

  add({ key, of, ending }: { readonly key: Buffer; readonly of: string; readonly ending: Ending }): void {
    const { outcome } = ending;
    if (this.#taken.filter((one) => one.outcome === outcome).length >= AT_MOST) return;
    this.#taken.push({
      outcome,
      of,
      key: this.#showKeys ? key.toString() : hashKey(of, key.toString()),
      ...(ending.outcome === "setAside" ? { reason: ending.reason } : {}),
    });
  }

  get all(): readonly Sample[] {
    return this.#taken;
  }
}
