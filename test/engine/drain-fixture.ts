/** What the tests of draining share. */
import { type DrainOptions, drainBatch } from "../../src/engine/drain.js";
import { type counts, item, items } from "../contract/contract-collections.js";
import { EngineFixture, write } from "./engine-fixture.js";

export const RED = item("red");
export const BLUE = item("blue");

export const options = (more: Partial<DrainOptions> = {}): DrainOptions => ({
  term: 1,
  adopt: true,
  refuse: async () => true,
  ...more,
});
export const toPostgres = (
  engine: EngineFixture,
  more?: Partial<DrainOptions>,
  collection: typeof items | typeof counts = items,
) => drainBatch(engine.context, collection, engine.redis, engine.postgres, options(more));
export const inPostgres = async (engine: EngineFixture, id: string) =>
  (await engine.postgres.store.readRecords(items, [id])).held[0];
export const log = async (
  engine: EngineFixture,
  store: "redis" | "postgres" = "redis",
  collection: typeof items | typeof counts = items,
) => (await engine[store].store.readLog(collection, 100)).map(({ id }) => id);

/** Redis reigns and has written these, of which Postgres heard nothing. */
export async function unheard(...ids: string[]) {
  const engine = await new EngineFixture().reign("redis");
  for (const id of ids) await engine.redis.store.writeRecords(items, 1, [write(id, { bytes: RED })]);
  engine.calls.length = 0;
  return engine;
}
