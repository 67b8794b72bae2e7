/** A process of its own that runs its share of the schedules: `parallel.ts` starts it, bundled. */
import { type ExploreOptions, explore, type Report } from "./explore.js";

/** What it tells its parent. */
export type Told =
  /** The schedule that it runs now. */
  { readonly seed: number } | { readonly report: Report };

const options = JSON.parse(process.argv[2] as string) as ExploreOptions;
const tell = (told: Told) => process.send?.(told);
// Its parent lets it end when it has the report.
tell({ report: await explore({ ...options, onSchedule: (seed) => tell({ seed }) }) });
