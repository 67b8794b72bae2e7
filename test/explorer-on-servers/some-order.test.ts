/** The judge of schedules on real servers: which stories it believes, and which it doesn't. */
import { describe, expect, test } from "vitest";
import type { Write } from "../explorer/callers.js";
import { makePlan } from "../explorer/plan.js";
import { counterSteps, keyOfStands } from "./counter-steps.js";
import { type Asked, History, type Tried } from "./history.js";
import { keyOfHeld, NOTHING, recordSteps } from "./record-steps.js";
import { SceneOnServers } from "./scene-on-servers.js";
import { inSomeOrder } from "./some-order.js";

type End = Tried["end"];

/** A history of which the test tells who asked what, from when to when. */
function told() {
  const history = new History(new SceneOnServers(makePlan(1), false));
  const ask = (event: Write, begun: number, ended: number, end: End, isSafe = true) => {
    const asked: Asked = history.asked.get(event.op) ?? { event, tries: [] };
    history.asked.set(event.op, asked);
    asked.tries.push({ begun, ended, end, first: asked.tries.length === 0, isSafe });
  };
  const on = { at: 0, process: 0 } as const;
  return {
    history,
    put: (op: string, begun: number, ended: number, isSafe = true) =>
      ask({ ...on, kind: "put", id: "a", op }, begun, ended, { answer: "put" }, isSafe),
    update: (op: string, begun: number, ended: number, end: End) =>
      ask({ ...on, kind: "update", id: "a", op }, begun, ended, end),
    remove: (op: string, begun: number, ended: number) =>
      ask({ ...on, kind: "delete", id: "a", op }, begun, ended, { answer: "deleted" }),
    count: (op: string, by: number, begun: number, ended: number, end: End) =>
      ask({ ...on, kind: "count", id: "m", op, by }, begun, ended, end),
    read: (chain: readonly string[] | null, begun: number, ended: number) =>
      history.seen.push({ begun, ended, what: { kind: "read", id: "a", chain } }),
    sum: (sum: number, begun: number, ended: number) =>
      history.seen.push({ begun, ended, what: { kind: "counted", id: "m", sum } }),
    record: () =>
      inSomeOrder(
        NOTHING,
        recordSteps("a", history, () => "a"),
        keyOfHeld,
      ).explained,
    counter: () =>
      inSomeOrder({ sum: 0, ends: null, counted: [], before: [] }, counterSteps("m", history), keyOfStands).explained,
  };
}

const UNKNOWN = Number.POSITIVE_INFINITY;

describe("what callers and readers were told", () => {
  test("is believed where updates at once came one after the other", () => {
    const { put, update, read, record } = told();
    put("o1", 0, 10);
    update("o2", 20, 40, { answer: ["o1", "o3", "o2"] });
    update("o3", 20, 40, { answer: ["o1", "o3"] });
    read(["o1", "o3", "o2"], 100, 100);
    expect(record()).toBe(true);
  });

  test("isn't where an acknowledged update is no ancestor of what stands in the end", () => {
    const { put, update, read, record } = told();
    put("o1", 0, 10);
    update("o2", 20, 40, { answer: ["o1", "o2"] });
    update("o3", 20, 40, { answer: ["o1", "o3"] });
    read(["o1", "o3"], 100, 100);
    expect(record()).toBe(false);
  });

  test("isn't where what was deleted returns", () => {
    const { put, remove, read, record } = told();
    put("o1", 0, 10);
    remove("o2", 20, 30);
    read(["o1"], 100, 100);
    expect(record()).toBe(false);
  });

  test("isn't where a read goes behind what was acknowledged before it, and is where both went on at once", () => {
    for (const [begun, believed] of [
      [30, false],
      [15, true],
    ] as const) {
      const { put, read, record } = told();
      put("o1", 0, 10);
      put("o2", 12, 20);
      read(["o1"], begun, 40);
      read(["o2"], 100, 100);
      expect(record()).toBe(believed);
    }
  });

  test("leaves open whether an operation of unknown outcome was applied, also later, but not one that was denied", () => {
    for (const [end, believed] of [
      ["unknown", true],
      ["denied", false],
    ] as const) {
      const { put, update, read, record } = told();
      put("o1", 0, 10);
      update("o2", 20, end === "unknown" ? UNKNOWN : 40, end);
      read(["o1"], 50, 60);
      read(["o1", "o2"], 100, 100);
      expect(record()).toBe(believed);
    }
  });

  test("allows a loss of Redis's memory to take what only Redis had, and nothing else", () => {
    for (const isSafe of [false, true]) {
      const { history, put, read, record } = told();
      put("o1", 0, 10);
      put("o2", 20, 30, isSafe);
      history.losses.push({ begun: 40, ended: 60 });
      read(["o1"], 100, 100);
      expect(record()).toBe(!isSafe);
    }
  });

  test("is exact of counts, but for those of unknown outcome", () => {
    for (const [sum, believed] of [
      [2, false],
      [3, true],
      [7, true],
      [8, false],
    ] as const) {
      const { count, counter, sum: reads } = told();
      count("o1", 1, 0, 10, { answer: new Map([["m", 1]]) });
      count("o2", 2, 5, 15, { answer: new Map([["m", 3]]) });
      count("o3", 4, 5, UNKNOWN, "unknown");
      reads(sum, 100, 100);
      expect(counter()).toBe(believed);
    }
  });
});
