/** What an error says about the call that met it. */
import { DrizzleQueryError } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import {
  afterWriting,
  isTransient,
  refusalReason,
  wasNotApplied,
  wasNotSent,
} from "../../../src/stores/postgres/errors.js";

const error = (fields: object) => Object.assign(new Error("message"), fields);

describe("an error", () => {
  test.each([
    ["ECONNREFUSED", error({ code: "ECONNREFUSED", syscall: "connect" }), true, true, true],
    ["a name that isn't found", error({ code: "ENOTFOUND", syscall: "getaddrinfo" }), true, true, true],
    ["a timeout of connecting", error({ code: "ETIMEDOUT", syscall: "connect" }), true, true, true],
    ["a timeout of reading", error({ code: "ETIMEDOUT", syscall: "read" }), true, false, false],
    ["CONNECT_TIMEOUT", error({ code: "CONNECT_TIMEOUT" }), true, true, true],
    ["a pool that was ended", error({ code: "CONNECTION_ENDED" }), false, true, true],
    ["CONNECTION_CLOSED", error({ code: "CONNECTION_CLOSED" }), true, false, false],
    ["CONNECTION_DESTROYED", error({ code: "CONNECTION_DESTROYED" }), true, false, false],
    ["EPIPE", error({ code: "EPIPE", syscall: "write" }), true, false, false],
    ["ECONNRESET", error({ code: "ECONNRESET", syscall: "read" }), true, false, false],
    ["a server that starts", error({ code: "57P03" }), true, true, true],
    ["too many connections", error({ code: "53300" }), true, true, true],
    ["a wrong password", error({ code: "28P01" }), false, true, true],
    ["a deadlock", error({ code: "40P01" }), true, false, true],
    ["a serialization failure", error({ code: "40001" }), true, false, true],
    ["an administrator's shutdown", error({ code: "57P01" }), true, false, false],
    ["a statement timeout", error({ code: "57014" }), true, false, true],
    ["a standby", error({ code: "25006" }), true, false, true],
    ["a fault that ended the session", error({ code: "XX000", severity: "FATAL" }), true, false, false],
    ["a fault within a statement", error({ code: "XX000", severity: "ERROR" }), false, false, true],
    ["a missing table", error({ code: "42P01" }), false, false, true],
    ["a broken constraint", error({ code: "23505" }), false, false, true],
    ["one of JavaScript's", new TypeError("message"), false, false, false],
    ["what was aborted, whose code is a number", AbortSignal.abort().reason, false, false, false],
    ["nothing at all", undefined, false, false, false],
  ])("such as %s is classified", (_, given, transient, notSent, notApplied) => {
    expect([isTransient(given), wasNotSent(given), wasNotApplied(given)]).toEqual([transient, notSent, notApplied]);
  });

  test("is seen through Drizzle's wrapping", () => {
    expect(isTransient(new DrizzleQueryError("select", [], error({ code: "40P01" })))).toBe(true);
  });

  test("after a part of the call was carried out is as transient as before, and proves nothing", async () => {
    const late = await afterWriting(() => Promise.reject(error({ code: "ECONNREFUSED" }))).catch(
      (caught: unknown) => caught,
    );
    expect([isTransient(late), wasNotSent(late), wasNotApplied(late)]).toEqual([true, false, false]);
    const refused = await afterWriting(() => Promise.reject(error({ code: "23505" }))).catch(
      (caught: unknown) => caught,
    );
    expect(refusalReason(refused)).toBeNull();
  });
});
