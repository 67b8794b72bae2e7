/** Records as their users call them: what a repetition inside one call is told. */
import { pgTable, text } from "drizzle-orm/pg-core";
import { describe, expect, test } from "vitest";
import { Comparison } from "../../src/engine/comparison.js";
import { defineRecords } from "../../src/engine/define-records.js";
import { Records } from "../../src/engine/records.js";
import { syncColumns } from "../../src/schema/sync-columns.js";
import { cutOff, EngineFixture, fail, onVirtualTime } from "./engine-fixture.js";

onVirtualTime();

const collection = defineRecords<{ color: string }>({
  name: "items",
  redis: { key: (id, { prefix }) => `${prefix}item:${id}` },
  postgres: { table: pgTable("items", { id: text("id").primaryKey(), ...syncColumns() }) },
}).bind({ prefix: "contract:" });

async function opened() {
  const engine = await new EngineFixture().reign("redis");
  return { engine, records: new Records(engine.context, collection, new Comparison(engine.context)) };
}

describe("a delete whose first answer was lost", () => {
  test("says that nothing stood where nothing did", async () => {
    const { engine, records } = await opened();
    engine.after("redis.writeRecords", fail(cutOff()));
    expect(await records.delete("never")).toBe(false);
  });

  test("says that something stood where it did", async () => {
    const { engine, records } = await opened();
    await records.put("a", { color: "red" });
    engine.after("redis.writeRecords", fail(cutOff()));
    expect(await records.delete("a")).toBe(true);
    expect(await records.get("a")).toBeNull();
  });
});
