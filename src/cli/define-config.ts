/** What a `dual-write.config.ts` may hold. */
import type { MigrationOptions } from "../migration/open-context.js";

/** Connections that stand in flags or in the environment go before those of the file. */
export interface DualWriteConfig extends Partial<MigrationOptions> {
  /** Where each run writes its JSON lines; false: nowhere. @default "./.dual-write/logs/<time>-<command>.jsonl" */
  readonly logFile?: string | false | undefined;
}

/**
 * Gives a configuration its type, and changes nothing in it.
 *
 * @example
 * // dual-write.config.ts, in the folder in which `dual-write` is run
 * import { defineConfig } from "dual-write-store";
 * import { coupons } from "./src/coupons.js";
 *
 * export default defineConfig({ keyPrefix: "shop:", collections: { coupons } });
 */
export function defineConfig(config: DualWriteConfig): DualWriteConfig {
  return config;
}
