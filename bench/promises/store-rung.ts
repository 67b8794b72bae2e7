/** The top of each ladder: the library's own store, behind its guard, which keeps all promises. */
import type { Store } from "../../src/stores/store.js";
import { Guard } from "../internals.js";
import { idOf, itemOf, items, TTL_MS } from "../items.js";
import { Clearing } from "./clearing.js";
import { newOperation, type Rung } from "./rungs.js";

/** In which the ladders reign. */
export const TERM = 1;
const DEADLINE_MS = 5000;

export function storeRungs(store: Store, prefixes: readonly [string, string]): Rung[] {
  return [storeRung(store, false, prefixes[0]), storeRung(store, true, prefixes[1])];
}

function storeRung(store: Store, coalesce: boolean, prefix: string): Rung {
  const collection = items.bind({ prefix });
  const guard = new Guard(store, { coalesce });
  const clearing = new Clearing((entries) => store.clearLog(collection, entries));
  return {
    name: `the library's store, ${coalesce ? "calls gathered" : "a call for each"}`,
    run: async (i) => {
      const id = idOf(i);
      const bytes = collection.encode(id, itemOf(i));
      const write = { id, bytes, expiresAt: Date.now() + TTL_MS, operationId: newOperation() };
      const reply = await guard.hot.writeRecords(collection, TERM, [write], DEADLINE_MS);
      const result = reply.fenced ? null : reply.results[0];
      if (result?.kind !== "written") throw new Error(`a write was refused: ${JSON.stringify(reply)}`);
      clearing.add({ id, stamp: result.state.stamp });
    },
    settle: () => clearing.settled(),
  };
}
