import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPlaceholderAddress, knownAddress } from "../../src/collections/addresses.js";
import { builtinCollections } from "../../src/collections/builtin.js";
import { normaliseEmail } from "../../src/collections/emails.js";
import { parseStatsField, usageStatsKey } from "../../src/collections/usage-stats.js";
import { variantOf } from "../../src/collections/variants.js";
import { ConfigurationError, ValidationError } from "../../src/errors.js";
import { globMatches } from "./glob.js";

const prefix = "threadr:";
const definitions = builtinCollections();
const collections = Object.values(definitions).map((definition) => definition.bind({ prefix }));
const byName = Object.fromEntries(collections.map((collection) => [collection.name, collection]));

const KEYS: [key: string, collection: string, id: string][] = [
  ["threadr:subscription:user:42", "subscriptions", "user:42"],
  ["threadr:subscription:user:auth0|a:b", "subscriptions", "user:auth0|a:b"],
  ["threadr:premium:ip:203.0.113.9", "subscriptions", "ip:203.0.113.9"],
  ["threadr:premium:ip:2001:db8::1", "subscriptions", "ip:2001:db8::1"],
  ["threadr:premium:ip:0.0.0.0", "subscriptions", "ip:0.0.0.0"],
  ["threadr:premium:email:ann+x*[y]?@example.org", "subscriptions", "email:ann+x*[y]?@example.org"],
  ["threadr:email:ann@example.org", "users", "ann@example.org"],
  ["threadr:email:a*b[c]?+d@example.org", "users", "a*b[c]?+d@example.org"],
  ["threadr:usage:ip:2001:db8::1:daily:2026-11-20", "usage", "ip:2001:db8::1:daily:2026-11-20"],
  ["threadr:usage:ip:203.0.113.9:monthly:2026-11", "usage", "ip:203.0.113.9:monthly:2026-11"],
  ["threadr:usage:email:ann+*[?@example.org:daily:2026-11-20", "usage", "email:ann+*[?@example.org:daily:2026-11-20"],
  ["threadr:usage:user:a:daily:2026-11-20:monthly:2026-11", "usage", "user:a:daily:2026-11-20:monthly:2026-11"],
  ["threadr:usage:log:203.0.113.9:1795168200.123456", "usage_log", "203.0.113.9:1795168200.123456"],
  ["threadr:usage:log:2001:db8::1:1795168200", "usage_log", "2001:db8::1:1795168200"],
  ["threadr:cache:url:https://example.org:8080/a?b=c#d", "threads", "url:https://example.org:8080/a?b=c#d"],
  ["threadr:cache:text:0123456789abcdef", "threads", "text:0123456789abcdef"],
  ["threadr:session:eyJ.a:b*c", "user_sessions", "eyJ.a:b*c"],
];

const NOBODYS = [
  "threadr:subscriptions:active",
  "threadr:emails:list",
  "threadr:usage:stats",
  "threadr:ratelimit:203.0.113.9",
  "threadr:email:",
  "threadr:email:Ann@example.org",
  "threadr:email: ann@example.org",
  "threadr:premium:email:ANN@example.org",
  "threadr:premium:email:",
  "threadr:premium:phone:1",
  "threadr:subscription:user:",
  "threadr:usage:email:Ann@example.org:daily:2026-11-20",
  "threadr:usage:ip:203.0.113.9:daily:2026-11",
  "threadr:usage:ip:203.0.113.9:monthly:2026-13",
  "threadr:usage:ip:203.0.113.9:weekly:2026-11",
  "threadr:usage:ip:daily:2026-11-20",
  "threadr:usage:log:203.0.113.9",
  "threadr:cache:text:xyz",
  "threadr:cache:image:1",
  "threadr:cache:url:",
  "other:email:ann@example.org",
];

describe("legacy keys", () => {
  it.each(KEYS)("%s is known to the one collection %s", (key, name, id) => {
    const known = collections.filter((collection) => collection.parseKey(key) !== null);
    expect(known.map((collection) => [collection.name, collection.parseKey(key)])).toEqual([[name, id]]);
    expect(byName[name]?.redisKey(id)).toBe(key);
    expect(globMatches(byName[name]?.pattern ?? "", key)).toBe(true);
  });

  it.each(NOBODYS)("%s is no collection's", (key) => {
    expect(collections.filter((collection) => collection.parseKey(key) !== null)).toEqual([]);
  });

  it("are made from every id and taken apart to the same", () => {
    const text = fc.string({ minLength: 1, unit: "grapheme" });
    const email = text.map(normaliseEmail).filter((one) => one !== "" && normaliseEmail(one) === one);
    const ids: [string, fc.Arbitrary<string>][] = [
      [
        "subscriptions",
        fc.oneof(
          text.map((one) => `user:${one}`),
          text.map((one) => `ip:${one}`),
          email.map((one) => `email:${one}`),
        ),
      ],
      ["users", email],
      ["usage", fc.tuple(fc.constantFrom("user", "ip"), text).map(([kind, one]) => `${kind}:${one}:daily:2026-01-31`)],
      ["threads", text.map((one) => `url:${one}`)],
      ["user_sessions", text],
    ];
    for (const [name, arbitrary] of ids) {
      fc.assert(
        fc.property(arbitrary, (id) => {
          const collection = byName[name];
          const key = collection?.redisKey(id) ?? "";
          expect(collection?.parseKey(key)).toBe(id);
          expect(globMatches(collection?.pattern ?? "", key)).toBe(true);
        }),
      );
    }
  });

  it("are listed by patterns in which the prefix stands for itself", () => {
    for (const definition of Object.values(definitions)) {
      const bound = definition.bind({ prefix: "a*[b]?:" });
      expect(bound.pattern.startsWith("a\\*\\[b\\]\\?:")).toBe(true);
    }
  });

  it("of other families are hardly listed by the pattern of subscriptions", () => {
    const listed = [...KEYS.map(([key]) => key), ...NOBODYS].filter((key) =>
      globMatches(byName.subscriptions?.pattern ?? "", key),
    );
    expect(listed.filter((key) => !/^threadr:(subscription|premium)/.test(key))).toEqual([]);
    const usage = [...KEYS.map(([key]) => key), ...NOBODYS].filter((key) =>
      globMatches(byName.usage?.pattern ?? "", key),
    );
    expect(usage.filter((key) => /usage:(log|stats)|^other/.test(key))).toEqual([]);
  });

  it("are refused for ids that no collection has", () => {
    expect(() => byName.subscriptions?.redisKey("42")).toThrow(ValidationError);
    expect(() => byName.usage?.redisKey("ip:1.2.3.4")).toThrow(ValidationError);
    expect(() => byName.threads?.redisKey("https://example.org")).toThrow(ValidationError);
  });

  it("come in the order of migration, under the names of their collections", () => {
    expect(Object.entries(definitions).map(([name, { name: own }]) => [name, own])).toEqual(
      ["subscriptions", "users", "usage", "usage_log", "threads", "user_sessions"].map((name) => [name, name]),
    );
    expect(collections.map(({ priority }) => priority)).toEqual(["critical", "high", "high", "high", "medium", "low"]);
    expect(() => builtinCollections({ zone: "Nowhere" })).toThrow(ConfigurationError);
  });
});

describe("keys with an email in another spelling", () => {
  it.each([
    ["threadr:email:Ann@Example.org", { collection: "users", id: "ann@example.org" }],
    ["threadr:email: ann@example.org ", { collection: "users", id: "ann@example.org" }],
    ["threadr:premium:email:ANN@example.org", { collection: "subscriptions", id: "email:ann@example.org" }],
    ["threadr:usage:email:Ann@x.org:daily:2026-11-20", { collection: "usage", id: "email:ann@x.org:daily:2026-11-20" }],
    ["threadr:usage:email:Ann@x.org:monthly:2026-11", { collection: "usage", id: "email:ann@x.org:monthly:2026-11" }],
  ])("%s belongs to what the email's normal spelling names", (key, expected) => {
    expect(variantOf(key, prefix)).toEqual(expected);
  });

  it.each([
    ...KEYS.map(([key]) => key),
    "threadr:email:   ",
    "threadr:subscription:user:Ann@Example.org",
    "threadr:premium:ip:2001:DB8::1",
    "threadr:usage:ip:ABCD::1:daily:2026-11-20",
    "Threadr:email:Ann@example.org",
  ])("%s isn't one", (key) => {
    expect(variantOf(key, prefix)).toBeNull();
  });
});

describe("addresses", () => {
  it.each(["0.0.0.0", " 0.0.0.0 ", "::", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0", "::ffff:0:0"])(
    "%s stands for nobody",
    (ip) => {
      expect(isPlaceholderAddress(ip)).toBe(true);
      expect(knownAddress(ip)).toBeNull();
    },
  );

  it.each(["203.0.113.9", "::1", "2001:DB8::1", "fe80::1%eth0", "10.0.0.0", "unknown"])("%s is kept as it is", (ip) => {
    expect(knownAddress(ip)).toBe(ip);
  });
});

describe("fields of the usage figures", () => {
  it.each([
    ["total_threads", "total_threads", ""],
    ["threads_2026-11-20", "threads", "2026-11-20"],
    ["premium_grants_2026-11", "premium_grants", "2026-11"],
    ["2026-11", "2026-11", ""],
  ])("%s is the metric %s in the bucket %j", (field, metric, bucket) => {
    expect(parseStatsField(field)).toEqual({ metric, bucket });
    expect(usageStatsKey(prefix)).toBe("threadr:usage:stats");
  });
});
