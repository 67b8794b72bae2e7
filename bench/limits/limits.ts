/** What happens at the limits: long saturation, one hot key, arrivals that don't wait for each other, and the first answer. */
import { checkItems } from "../checks.js";
import { fillItems, fillPlain } from "../fill.js";
import type { Bench } from "../run.js";
import { moveTo, openStage } from "../stage.js";
import { benchHotKey } from "./hot-key.js";
import { benchOpenLoop } from "./open-loop.js";
import { benchOpening } from "./opening.js";
import { benchSaturation } from "./saturation.js";

export const benchLimits: Bench = async (run) => {
  const stage = await openStage();
  try {
    const store = await stage.open("REDIS_PRIMARY");
    await moveTo(store, ["DUAL_WRITE"]);
    await fillItems(store);
    await fillPlain(stage);
    await benchOpening(run, stage);
    await benchHotKey(run, stage, store);
    await benchOpenLoop(run, stage, store);
    await benchSaturation(run, stage, store);
    await store.drain();
    await checkItems(stage, 200);
  } finally {
    await stage.close();
  }
};
