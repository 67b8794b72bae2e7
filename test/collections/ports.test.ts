import { describe, expectTypeOf, it } from "vitest";
import type { Counters, Records } from "../../src/collections/ports.js";
import type { HolderValue } from "../../src/collections/subscriptions.js";
import type { Counters as EngineCounters } from "../../src/engine/counter-set.js";
import type { Records as EngineRecords } from "../../src/engine/records.js";

describe("the engine", () => {
  it("has the shape that the repositories ask for", () => {
    expectTypeOf<EngineRecords<HolderValue>>().toExtend<Records<HolderValue>>();
    expectTypeOf<EngineCounters>().toExtend<Counters>();
  });
});
