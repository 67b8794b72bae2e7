/** Which failures pass by themselves, and which prove that nothing was done. */
import { BrokenCircuitError } from "cockatiel";
import { describe, expect, test } from "vitest";
import { isOutage, isTransient, provesNothingDone, StoreTimeoutError } from "../../src/stores/transient-errors.js";

const coded = (code: string, more: object = {}) => Object.assign(new Error(`failed with ${code}`), { code, ...more });

describe.each([
  ["a timeout", new StoreTimeoutError("late"), true, false],
  ["an open circuit", new BrokenCircuitError(), true, true],
  ["a refused connection", coded("ECONNREFUSED", { syscall: "connect" }), true, true],
  ["a connection that broke", coded("ECONNRESET", { syscall: "read" }), true, false],
  ["a Redis that loads", new Error("LOADING Redis is loading the dataset in memory"), true, true],
  ["a Redis that is a replica", new Error("READONLY You can't write against a read only replica."), true, true],
  ["a closed Redis connection", new Error("Connection is closed."), true, false],
  ["a Postgres that shuts down", coded("57P01"), true, false],
  ["a Postgres that starts", coded("57P03"), true, true],
  ["a deadlock in Postgres", coded("40P01"), true, true],
  ["a broken constraint", coded("23505"), false, true],
  ["an unknown Redis command", new Error("ERR unknown command"), false, false],
  ["what a signal aborted", AbortSignal.abort().reason, false, false],
  ["a fault of the library's own", new TypeError("a bug"), false, false],
])("%s", (_, error, passes, nothingDone) => {
  test(`${passes ? "passes by itself" : "is for good"} and ${nothingDone ? "proves that nothing was done" : "proves nothing"}`, () => {
    expect(isTransient(error)).toBe(passes);
    expect(provesNothingDone(error)).toBe(nothingDone);
  });
});

test.each([
  ["a Redis that is full", new Error("OOM command not allowed when used memory > 'maxmemory'."), false],
  ["a Redis that is a replica", new Error("READONLY You can't write against a read only replica."), false],
  ["a Postgres whose disk is full", coded("53100"), false],
  ["a Postgres that is a standby", coded("25006"), false],
  ["a deadlock in Postgres", coded("40P01"), false],
  ["a Redis that loads", new Error("LOADING Redis is loading the dataset in memory"), true],
  ["a Postgres with too many connections", coded("53300"), true],
  ["a timeout", new StoreTimeoutError("late"), true],
  ["a timeout of a second", new StoreTimeoutError("late", 1000), true],
  ["a broken constraint", coded("23505"), false],
])("%s counts against its circuit: %3$s", (_, error, outage) => {
  expect(isOutage(error)).toBe(outage);
});

test("a timeout can be told by its name", () => {
  expect(new StoreTimeoutError("late").name).toBe("StoreTimeoutError");
});
