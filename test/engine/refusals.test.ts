/** How often what is refused is tried. */
import { expect, it } from "vitest";
import { Refusals } from "../../src/engine/refusals.js";

it("a refused state is set aside at the third try, and another state of the record begins anew", () => {
  const refusals = new Refusals();
  const a = { entry: { id: "a", stamp: 2 }, reason: "no", value: null };
  const b = { entry: { id: "b", stamp: 2 }, reason: "no", value: null };
  expect(refusals.count("log", [a])).toEqual({ forGood: [], again: [a] });
  expect(refusals.count("another log", [a])).toEqual({ forGood: [], again: [a] });
  expect(refusals.count("log", [a, b])).toEqual({ forGood: [], again: [a, b] });
  expect(refusals.count("log", [a, b])).toEqual({ forGood: [a], again: [b] });
  expect(refusals.count("log", [{ ...b, entry: { id: "b", stamp: 4 } }]).forGood).toEqual([]);
  // What wasn't refused in between isn't counted on.
  refusals.count("log", []);
  expect(refusals.count("log", [b]).forGood).toEqual([]);
});
