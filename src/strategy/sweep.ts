/** Removes in the background what has been dead for the whole retention: tombstones and expired rows. */
import { taskOf } from "../stores/sides.js";
import { CONTROL_MS, type FleetContext } from "./fleet-context.js";

/** Pause between two sweeps. Milliseconds. */
const EVERY_MS = 60_000;
/** Rows a sweep of one collection removes at most, so that it never weighs on the requests. */
const LIMIT = 500;

/** Sweeps until the returned function is called, which waits for the sweep under way. */
export function sweepNowAndThen(context: () => FleetContext): () => Promise<void> {
  let sweeping: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    sweeping = sweepOnce(context()).catch(() => {}); // A store is away: the next one is soon enough.
  }, EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    return sweeping;
  };
}

/** One process of the fleet sweeps; where Redis is gone each may, since every sweep takes rows of its own. */
async function sweepOnce({ redis, postgres, collections, processId }: FleetContext): Promise<void> {
  const task = taskOf("sweep", collections);
  if (redis && !(await redis.attempt((store) => store.claimTask(task, processId, EVERY_MS), CONTROL_MS))) return;
  for (const collection of collections) await postgres.attempt((store) => store.sweep(collection, LIMIT), CONTROL_MS);
}
