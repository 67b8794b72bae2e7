import { describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import { writePythonJson } from "../../src/collections/python-json.js";
import { SubscriptionsRepository } from "../../src/collections/subscriptions-repository.js";
import { variantOf } from "../../src/collections/variants.js";
import { GOLDEN_ACCESS, NOW } from "./golden-access.js";
import { ManualClock, MemoryRecords } from "./memory-ports.js";

describe("access, by example", () => {
  it.each(GOLDEN_ACCESS)("$name", async ({ keys, rows = {}, person, access, zone = "UTC" }) => {
    const clock = new ManualClock(NOW);
    const collection = builtinCollections({ zone }).subscriptions.bind({ prefix: "threadr:" });
    const records = new MemoryRecords(collection, clock);
    for (const [key, value] of Object.entries(keys)) {
      const text = writePythonJson(value);
      records.seed(key, text);
      const id = collection.parseKey(key) ?? variantOf(key, "threadr:")?.id;
      expect(collection.project(id ?? "", Buffer.from(text))).toMatchObject(rows[key] ?? {});
    }
    const repository = new SubscriptionsRepository({ records, clock, zone });

    expect(await repository.checkAccess(person)).toMatchObject(access);
    expect(records.calls.length).toBeLessThanOrEqual(1);
    for (const onError of ["allow", "deny"] as const) {
      expect(await repository.checkAccess(person, { onError })).toMatchObject(access);
    }
  });

  it("has each example once, and at least forty of them", () => {
    expect(GOLDEN_ACCESS.length).toBeGreaterThanOrEqual(40);
    expect(new Set(GOLDEN_ACCESS.map(({ name }) => name)).size).toBe(GOLDEN_ACCESS.length);
  });
});
