/** The made-up keyspace has the form of the real one. */
import { describe, expect, it } from "vitest";
import { legacyDate, legacyKey, pythonDumps, RawJson, usageIds } from "../../examples/demo/legacy-form.js";
import { Random } from "../../examples/demo/random.js";

const MOMENT = Date.parse("2026-11-20T09:30:00.123Z");

describe("pythonDumps", () => {
  it.each([
    [{ a: [1, null, true], b: {} }, '{"a": [1, null, true], "b": {}}'],
    ["é🧵\u0000\ud800\u007f", '"\\u00e9\\ud83e\\uddf5\\u0000\\ud800\\u007f"'],
    [{ n: new RawJson("12345678901234567890") }, '{"n": 12345678901234567890}'],
  ])("writes %j as json.dumps does", (value, text) => {
    expect(pythonDumps(value)).toBe(text);
  });
});

it.each([
  ["isoformat", "2026-11-20T09:30:00.123123"],
  ["with a blank", "2026-11-20 09:30:00.123123"],
  ["without a fraction", "2026-11-20T09:30:00"],
  ["with an offset", "2026-11-20T10:30:00+01:00"],
] as const)("a date %s", (form, text) => {
  expect(legacyDate(MOMENT, form)).toBe(text);
});

it.each([
  ["users", "a@b.c", "threadr:email:a@b.c"],
  ["subscriptions", "user:1", "threadr:subscription:user:1"],
  ["subscriptions", "email:a@b.c", "threadr:premium:email:a@b.c"],
  ["subscriptions", "ip:2001:db8::1", "threadr:premium:ip:2001:db8::1"],
  ["usage", usageIds("ip", "10.0.0.1", MOMENT)[0], "threadr:usage:ip:10.0.0.1:daily:2026-11-20"],
  ["usage", usageIds("ip", "10.0.0.1", MOMENT)[1], "threadr:usage:ip:10.0.0.1:monthly:2026-11"],
  ["threads", "url:https://x", "threadr:cache:url:https://x"],
  ["user_sessions", "t", "threadr:session:t"],
])("the key of %s %s", (collection, id, key) => {
  expect(legacyKey(collection, id)).toBe(key);
});

it("the same seed makes up the same keyspace", () => {
  const draw = (seed: number) =>
    Array.from(
      { length: 5 },
      (
        (random) => () =>
          random.below(1000)
      )(new Random(seed)),
    );
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});
