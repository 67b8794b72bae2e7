/** What is wrong with the options is told before anything connects, by the migration as by the facade. */
import { expect, test } from "vitest";
import { ConfigurationError, type defineRecords, Migration } from "../../src/index.js";
import { gadgetCollections } from "../support/gadgets.js";

test("everything that is wrong is told at once", async () => {
  const { gadgets } = gadgetCollections;
  const error = await Migration.open({
    redis: "postgres://nowhere",
    postgres: "",
    keyPrefix: "dual-write:mine:",
    collections: { gadgets, again: gadgets, users: gadgets, broken: {} as ReturnType<typeof defineRecords> },
  }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigurationError);
  const issues = Object.fromEntries((error as ConfigurationError).issues.map(({ path, message }) => [path, message]));
  expect(issues).toEqual({
    redis: "not a Redis URL; it must begin with redis:// or rediss://",
    postgres: "missing; give a URL that begins with postgres:// or options",
    keyPrefix: expect.stringContaining('"dual-write:"'),
    "collections.gadgets": 'two collections are named "gadgets"',
    "collections.again": 'two collections are named "gadgets"',
    "collections.users": "a built-in collection has this name; choose another",
    "collections.broken": "made by defineRecords or defineCounters",
  });
});
