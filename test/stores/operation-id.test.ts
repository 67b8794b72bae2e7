/** The form in which a caller's operation id travels. */
import { expect, test } from "vitest";
import { operationId } from "../../src/stores/operation.js";

test("an id that companions and scripts could take for their sign of none is hashed: its first write would pass for a repetition", () => {
  expect(operationId("-")).toMatch(/^[A-Za-z0-9_-]{32}$/);
  expect(operationId("-")).toBe(operationId("-"));
  expect(operationId("a-b")).toBe("a-b");
});
