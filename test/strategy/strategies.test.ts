/** The table of the strategies, and reading a name. */
import { describe, expect, test } from "vitest";
import { StrategyError } from "../../src/errors.js";
import { areNeighbours, parseStrategy, strategies, strategyNames } from "../../src/strategy/strategies.js";

test("the four rows say what the promises say of each stage", () => {
  expect(strategyNames).toEqual(["REDIS_PRIMARY", "DUAL_WRITE", "POSTGRES_PRIMARY", "POSTGRES_ONLY"]);
  const rows = strategyNames.map((name) => {
    const { stage, authority, mirror, fallback, compare, postgresOptional, redisOptional } = strategies[name];
    return [stage, authority, mirror, fallback, compare, postgresOptional, redisOptional];
  });
  expect(rows).toEqual([
    [0, "redis", "background", true, false, true, false],
    [1, "redis", "awaited", true, true, false, false],
    [2, "postgres", "awaited", true, true, false, false],
    [3, "postgres", "background", false, false, false, true],
  ]);
});

test("neighbours are a stage apart at most", () => {
  const apart = strategyNames.flatMap((a) => strategyNames.filter((b) => !areNeighbours(a, b)).map((b) => `${a} ${b}`));
  expect(apart).toEqual([
    "REDIS_PRIMARY POSTGRES_PRIMARY",
    "REDIS_PRIMARY POSTGRES_ONLY",
    "DUAL_WRITE POSTGRES_ONLY",
    "POSTGRES_PRIMARY REDIS_PRIMARY",
    "POSTGRES_ONLY REDIS_PRIMARY",
    "POSTGRES_ONLY DUAL_WRITE",
  ]);
});

describe("a name", () => {
  test("is taken as it is", () => {
    for (const name of strategyNames) expect(parseStrategy(name, "a test")).toBe(name);
  });
  test.each([
    [undefined, "is not set"],
    [null, "is not set"],
    ["", "is not set"],
    ["dual_write", 'is "dual_write"'],
    ["toString", 'is "toString"'],
    [1, "is 1"],
    [["DUAL_WRITE"], 'is ["DUAL_WRITE"]'],
  ])("that is %j is refused with the source and the four", (value, says) => {
    expect(() => parseStrategy(value, "the variable X")).toThrow(StrategyError);
    expect(() => parseStrategy(value, "the variable X")).toThrow(
      `The strategy from the variable X ${says}. It must be one of REDIS_PRIMARY, DUAL_WRITE, POSTGRES_PRIMARY, POSTGRES_ONLY.`,
    );
  });
});
