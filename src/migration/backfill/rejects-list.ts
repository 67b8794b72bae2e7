/** Keeps the rejects list in step with the keys' ends: what is set aside gets a row, what is well again loses it. */

import type { WellAgain } from "../../stores/evidence.js";
import { keyText } from "../keyspace/key-text.js";
import type { MigrationContext } from "../migration-context.js";
import type { KeyEnd } from "./copy-page.js";

export class RejectsList {
  readonly #evidence: MigrationContext["evidence"];
  /** Whether the list may hold anything; most runs never have to ask again. */
  #mayHold: boolean | undefined;

  constructor({ evidence }: MigrationContext) {
    this.#evidence = evidence;
  }

  async keep(ends: readonly KeyEnd[], source: string): Promise<void> {
    const rejects = ends.flatMap(({ key, of, ending }) => {
      if (ending.outcome !== "setAside") return [];
      const { reason, value, stamp } = ending;
      return [{ collection: of, key: keyText(key), reason, value, source, stamp }];
    });
    this.#mayHold ??= (await this.#evidence.rejectCount()) > 0;
    if (rejects.length > 0) {
      await this.#evidence.setAside(rejects);
      this.#mayHold = true;
    }
    if (!this.#mayHold) return;
    for (const [collection, keys] of wellAgain(ends)) await this.#evidence.takeBack(collection, keys);
  }
}

/** By collection. A key that is gone stays on the list: nobody said that it was put right. */
function wellAgain(ends: readonly KeyEnd[]): Map<string, WellAgain[]> {
  const keys = new Map<string, WellAgain[]>();
  for (const { key, of, ending } of ends) {
    if (ending.outcome === "setAside" || ending.outcome === "ignored" || ending.outcome === "expired") continue;
    const one = { key: keyText(key), stamp: ending.stamp };
    const known = keys.get(of);
    if (known) known.push(one);
    else keys.set(of, [one]);
  }
  return keys;
}
