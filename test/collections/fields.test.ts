import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyChange, type Fields, isText, toStored, toView } from "../../src/collections/fields.js";

const FIELDS: Fields = {
  planName: { stored: "plan_name", check: isText },
  role: { stored: "role", check: isText },
};
const names = fc.constantFrom("plan_name", "planName", "role", "__proto__", "constructor", "", "x");
const anyObject = fc
  .array(fc.tuple(names, fc.oneof(fc.string(), fc.array(fc.string()))))
  .map((entries) => Object.fromEntries(entries));

describe("field names", () => {
  it("change nothing that the caller doesn't", () => {
    fc.assert(
      fc.property(anyObject, (stored) => {
        const view = toView(stored, FIELDS);
        const same = applyChange(stored, view, structuredClone(view), FIELDS, "UTC");
        expect(JSON.stringify(same)).toBe(JSON.stringify(stored));
      }),
    );
  });

  it("carry every change of a known field over, and only that", () => {
    fc.assert(
      fc.property(anyObject, fc.string(), (stored, plan) => {
        const view = toView(stored, FIELDS);
        const changed = applyChange(stored, view, { ...view, planName: plan }, FIELDS, "UTC");
        expect(toView(changed, FIELDS)).toEqual({ ...view, planName: plan });
        const { plan_name: _, ...rest } = changed;
        const { plan_name: __, ...before } = stored;
        expect(rest).toEqual(before);
      }),
    );
  });

  it("show a field by its legacy name where both stand, and by its own where only that does", () => {
    expect(toView({ plan_name: "a", planName: "b" }, FIELDS)).toEqual({ planName: "a" });
    expect(toView({ planName: "b" }, FIELDS)).toEqual({ planName: "b" });
  });

  it("remove a field where it stands", () => {
    expect(applyChange({ plan_name: "a", planName: "b" }, { planName: "a" }, {}, FIELDS, "UTC")).toEqual({
      planName: "b",
    });
    expect(applyChange({ planName: "b", x: 1 }, { planName: "b", x: 1 }, { x: 1 }, FIELDS, "UTC")).toEqual({ x: 1 });
  });

  it("may both be given with the same value", () => {
    expect(toStored({ planName: "a", plan_name: "a", x: new Date(0) }, FIELDS, "UTC")).toEqual({
      plan_name: "a",
      x: "1970-01-01T00:00:00",
    });
  });
});
