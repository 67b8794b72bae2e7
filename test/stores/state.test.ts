/** Stamps, remembered operations, and the merge of counters. */
import { describe, expect, test } from "vitest";
import {
  COUNTER_OPERATIONS,
  type CounterState,
  isNewer,
  mergeCounters,
  nextStamp,
  otherStore,
  rememberOperation,
} from "../../src/stores/state.js";

test("there are two stores", () => {
  expect([otherStore("redis"), otherStore("postgres")]).toEqual(["postgres", "redis"]);
});

describe("the next stamp", () => {
  test("is the clock's, with the bit of the authority", () => {
    expect(nextStamp("redis", 1000, 0)).toBe(1000);
    expect(nextStamp("redis", 1001, 0)).toBe(1002);
    expect(nextStamp("postgres", 1000, 0)).toBe(1001);
    expect(nextStamp("postgres", 1001, 0)).toBe(1001);
  });
  test("is above the one held, by the least that has the bit", () => {
    expect(nextStamp("redis", 1000, 1000)).toBe(1002);
    expect(nextStamp("redis", 1000, 1001)).toBe(1002);
    expect(nextStamp("postgres", 1000, 1000)).toBe(1001);
    expect(nextStamp("postgres", 1000, 5001)).toBe(5003);
    expect(nextStamp("redis", 1000, 999)).toBe(1000);
  });
  test("makes equal states and older ones not newer", () => {
    expect([isNewer(2, 1), isNewer(1, 1), isNewer(0, 1)]).toEqual([true, false, false]);
  });
});

describe("remembered operations", () => {
  test("end with the newest, once, and forget the oldest", () => {
    expect(rememberOperation(["a", "b"], "c", 3)).toEqual(["a", "b", "c"]);
    expect(rememberOperation(["a", "b"], "a", 3)).toEqual(["b", "a"]);
    expect(rememberOperation(["a", "b", "c"], "d", 3)).toEqual(["b", "c", "d"]);
  });
});

describe("two states of a counter", () => {
  const state = (more: Partial<CounterState>): CounterState => ({
    generation: 5,
    redisPart: 1,
    postgresPart: 2,
    stamp: 10,
    expiresAt: null,
    operations: [],
    ...more,
  });
  /** In either order. */
  const both = (a: CounterState, b: CounterState) => {
    const merged = mergeCounters(a, b);
    expect(mergeCounters(b, a)).toEqual(merged);
    return merged;
  };

  test("of different generations: the greater wins whole", () => {
    const greater = state({ generation: 6, redisPart: 0, postgresPart: 0, stamp: 1, operations: ["b"] });
    expect(both(state({ operations: ["a"] }), greater)).toEqual(greater);
  });
  test("of one generation: the greater of each part, the later state's expiry and stamp", () => {
    const later = state({ redisPart: 0, postgresPart: 9, stamp: 11, expiresAt: 77 });
    expect(both(state({ redisPart: 4, expiresAt: 5 }), later)).toEqual(
      state({ redisPart: 4, postgresPart: 9, stamp: 11, expiresAt: 77 }),
    );
  });
  test("remember both's operations once, the later's last, the newest of them", () => {
    const older = state({ operations: ["a", "b"] });
    const later = state({ stamp: 11, operations: ["b", "c"] });
    expect(both(older, later).operations).toEqual(["a", "b", "c"]);
    const many = Array.from({ length: COUNTER_OPERATIONS }, (_, i) => `n${i}`);
    expect(both(older, state({ stamp: 11, operations: many })).operations).toEqual(many);
  });
  test("with one stamp: the first is the later", () => {
    expect(mergeCounters(state({ expiresAt: 1 }), state({ expiresAt: 2 })).expiresAt).toBe(1);
  });
});
