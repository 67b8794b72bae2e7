/** How often an authority that is away is asked, and which errors end the waiting. */
import { describe, expect, test } from "vitest";
import { AuthorityReadError } from "../../src/engine/authority-read.js";
import { untilAuthorityAnswers } from "../../src/engine/authority-wait.js";
import { AuthorityUnavailableError, OutcomeUnknownError, ValidationError } from "../../src/errors.js";
import { Operation } from "../../src/stores/operation.js";
import { away, onVirtualTime, operation } from "./engine-fixture.js";

onVirtualTime();

const isAway = () => new AuthorityReadError("redis", away());

/** Asks until the operation's end; when it asked, in milliseconds from the beginning. */
async function asked(one: Operation, error: () => Error): Promise<{ at: number[]; thrown: unknown }> {
  const began = performance.now();
  const at: number[] = [];
  const read = async () => {
    at.push(Math.round(performance.now() - began));
    throw error();
  };
  const thrown = await untilAuthorityAnswers("items", one, read).catch((error: unknown) => error);
  return { at, thrown };
}

test("it is asked again soon, then ever more rarely, but at least five times a second", async () => {
  const { at } = await asked(operation(2000), isAway);
  const pauses = at.slice(1).map((moment, i) => moment - (at[i] as number));
  expect(pauses[0]).toBeLessThanOrEqual(20);
  expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
  expect(Math.max(...pauses)).toBe(200);
});

describe("the waiting ends", () => {
  test("with what it waited for", async () => {
    let tries = 0;
    const read = async () => {
      if (++tries < 4) throw isAway();
      return "there";
    };
    expect(await untilAuthorityAnswers("items", operation(), read)).toBe("there");
  });

  test("at once with an error that no waiting mends", async () => {
    const { at, thrown } = await asked(operation(), () => new ValidationError([{ path: "", message: "unreadable" }]));
    expect(thrown).toBeInstanceOf(ValidationError);
    expect(at).toEqual([0]);
  });

  test("at once where the caller cancelled", async () => {
    const { at, thrown } = await asked(new Operation({ signal: AbortSignal.abort() }, 1000), isAway);
    expect(thrown).toBeInstanceOf(AuthorityUnavailableError);
    expect(at).toEqual([0]);
  });

  test.each([
    ["nothing was applied", {}, AuthorityUnavailableError],
    ["what an earlier reign did may have been", { uncertain: true }, OutcomeUnknownError],
    ["an earlier attempt whose answer was lost may have been", { everUnheard: true }, OutcomeUnknownError],
  ])("at the deadline, where %s, with the operation's id and the cause", async (_, earlier, error) => {
    const one = operation(300, "mine");
    Object.assign(one, earlier);
    const { at, thrown } = await asked(one, isAway);
    expect(thrown).toBeInstanceOf(error);
    expect(thrown).toMatchObject({ operationId: "mine", cause: { code: "ECONNREFUSED" } });
    expect(at.at(-1)).toBeLessThan(300);
  });
});
