/** What this process holds in memory, after everything that can be thrown away was. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose_gc");
export const collectGarbage = runInNewContext("gc") as () => void;

/** Resident set size. Megabytes. */
export function residentMegabytes(): number {
  collectGarbage();
  return process.memoryUsage.rss() / 2 ** 20;
}
