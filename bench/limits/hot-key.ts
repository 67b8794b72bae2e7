/** Everybody wants the same key: against the bare clients on the same key, and against the library on many keys. */
import { compare, type Way } from "../compare.js";
import { byHand } from "../facade/by-hand.js";
import { idOf, itemOf, TTL_MS } from "../items.js";
import type { Run } from "../run.js";
import type { BenchStore, Stage } from "../stage.js";

const IN_FLIGHT = 256;
const HOT = "hot-key";

export async function benchHotKey(run: Run, stage: Stage, store: BenchStore): Promise<void> {
  if (!run.wants("hot key")) return;
  const { ways, close } = byHand(stage);
  const { items } = store.collections;
  const put = (id: (i: number) => string): Way => ({
    run: (i) => items.put(id(i), itemOf(i), { expiresAt: Date.now() + TTL_MS }),
  });
  let counted = 0;
  const countHot: Way = {
    run: (i) => {
      counted++;
      return store.usage.track({ userId: HOT }, { at: DAY, operationId: `hot-${i}-${counted}` });
    },
  };
  const pairs = [
    {
      name: "write",
      ours: put(() => HOT),
      against: "SET and prepared upsert of it",
      theirs: onOneKey(ways.setAndUpsert),
    },
    { name: "write", ours: put(() => HOT), against: "many keys", theirs: put(idOf) },
    { name: "count a use", ours: countHot, against: "2 INCR and 2 upserts of it", theirs: onOneKey(ways.countTwice) },
  ];
  try {
    for (const { name, ...pair } of pairs) {
      const heading = { bench: "limits", name: `hot key, ${name}, DUAL_WRITE`, inFlight: IN_FLIGHT, aim: null };
      run.tell(await compare({ ...heading, ...pair }, run.turns));
    }
  } finally {
    await close();
  }
  const { value } = await items.read(HOT).then((read) => (read.kind === "hit" ? read : { value: null }));
  if (!value) throw new Error("the hot record is missing");
  const stats = await store.usage.track({ userId: HOT }, { at: DAY });
  if (stats.today !== counted + 1) throw new Error(`${counted} uses of the hot key were counted as ${stats.today - 1}`);
}

/** So that the count doesn't begin anew when the bench meets midnight. */
const DAY = new Date();

/** As `way`, always with the same operation number, and so the same key. */
function onOneKey(way: Way): Way {
  return { run: () => way.run(0) };
}
