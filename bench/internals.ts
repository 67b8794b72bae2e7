/**
 * Parts of the library that aren't public, for the benches below the facade. Taken from the built package: that is what is shipped,
 * and what a compiler adds on the fly would be measured with it.
 */
const built = async (path: string): Promise<unknown> => import(new URL(`../dist/${path}`, import.meta.url).href);

export const { RedisStore } = (await built(
  "stores/redis/redis-store.js",
)) as typeof import("../src/stores/redis/redis-store.js");
export const { PostgresStore } = (await built(
  "stores/postgres/postgres-store.js",
)) as typeof import("../src/stores/postgres/postgres-store.js");
export const { Guard } = (await built("stores/guard.js")) as typeof import("../src/stores/guard.js");
export const { Records } = (await built("engine/records.js")) as typeof import("../src/engine/records.js");
export const { Counters } = (await built("engine/counter-set.js")) as typeof import("../src/engine/counter-set.js");
export const { Comparison } = (await built("engine/comparison.js")) as typeof import("../src/engine/comparison.js");
export const { EventHub } = (await built("engine/events.js")) as typeof import("../src/engine/events.js");
export const { newHerd } = (await built("engine/fallback.js")) as typeof import("../src/engine/fallback.js");
export const { InFlight } = (await built("engine/in-flight.js")) as typeof import("../src/engine/in-flight.js");
export const { LogClearer } = (await built("engine/log-clearer.js")) as typeof import("../src/engine/log-clearer.js");
export const { TermView } = (await built("engine/term-view.js")) as typeof import("../src/engine/term-view.js");
export const { UsageRepository } = (await built(
  "collections/usage-repository.js",
)) as typeof import("../src/collections/usage-repository.js");
export const { builtinCollections } = (await built(
  "collections/builtin.js",
)) as typeof import("../src/collections/builtin.js");
