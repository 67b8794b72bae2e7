/** A source that changes is followed, one change after another, and what is refused is tried again. */
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { followSource } from "../../src/facade/source-follower.js";
import { type StrategyName, strategyNames } from "../../src/strategy/strategies.js";

const [FIRST, SECOND, THIRD] = strategyNames as [StrategyName, StrategyName, StrategyName];

let present: StrategyName;
let given: StrategyName;
let changed: () => void;
let refuse: Error | null;
const logged: string[] = [];
const logger = pino({ level: "error" }, { write: (line: string) => void logged.push(JSON.parse(line).msg) });
const source = {
  description: "the test",
  read: () => given,
  watch: (callback: () => void) => {
    changed = callback;
    return () => {
      changed = () => expect.fail("it was not watched any more");
    };
  },
};
const store = {
  get strategy() {
    return present;
  },
  follow: async (next: StrategyName) => {
    if (refuse) throw refuse;
    present = next;
  },
};

beforeEach(() => {
  vi.useFakeTimers();
  present = given = FIRST;
  refuse = null;
  logged.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

test("a change that can't be followed yet is tried again until it can, and told once", async () => {
  const stop = await followSource(source, store, logger);
  refuse = new Error("others are two stages away");
  given = SECOND;
  changed();
  await vi.advanceTimersByTimeAsync(3500);
  expect(present).toBe(FIRST);
  expect(logged).toEqual([`the test can't be followed yet; ${FIRST} goes on`]);
  refuse = null;
  await vi.advanceTimersByTimeAsync(1000);
  expect(present).toBe(SECOND);
  stop();
});

test("what changed while the store was being opened is followed, and after the end nothing is", async () => {
  given = SECOND;
  const stop = await followSource(source, store, logger);
  expect(present).toBe(SECOND);
  refuse = new Error("no");
  given = THIRD;
  changed();
  await vi.advanceTimersByTimeAsync(0);
  refuse = null;
  stop();
  await vi.advanceTimersByTimeAsync(5000);
  expect(present).toBe(SECOND);
});
