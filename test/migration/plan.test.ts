/** The plan: derived from the collections' definitions, the user's own as well as the built-in ones. */
import { type AnyPgColumn, integer, pgTable, text } from "drizzle-orm/pg-core";
import { describe, expect, test } from "vitest";
import { defineCounters } from "../../src/engine/define-counters.js";
import { defineRecords } from "../../src/engine/define-records.js";
import { ConfigurationError } from "../../src/errors.js";
import { mermaid } from "../../src/migration/plan/mermaid.js";
import { type MigrationPlan, plan } from "../../src/migration/plan/plan.js";
import { planPage } from "../../src/migration/plan/plan-page.js";
import { counterSyncColumns, syncColumns } from "../../src/schema/sync-columns.js";
import { globMatches } from "../collections/glob.js";

function step(made: MigrationPlan, collection: string) {
  const found = made.steps.find((one) => one.collection === collection);
  if (!found) throw new Error(`There is no step ${collection}.`);
  return found;
}

describe("of the legacy keyspace", () => {
  const made = plan();

  test("takes each pattern of its table to the table that it names, critical first", () => {
    const table = made.steps.flatMap(({ order, priority, table: to, patterns }) =>
      patterns.map(({ pattern }) => `${order} ${priority} ${to} ${pattern}`),
    );
    expect(table).toEqual([
      "1 critical subscriptions threadr:premium:ip:*",
      "1 critical subscriptions threadr:premium:email:*",
      "1 critical subscriptions threadr:subscription:user:*",
      "2 high users threadr:email:*",
      ...["ip", "email", "user"].flatMap((kind) => [
        `3 high usage_tracking threadr:usage:${kind}:*:daily:*`,
        `3 high usage_tracking threadr:usage:${kind}:*:monthly:*`,
      ]),
      "4 high usage_log threadr:usage:log:*",
      "5 high analytics_timeseries threadr:usage:stats",
      "6 medium threads threadr:cache:url:*",
      "6 medium threads threadr:cache:text:*",
      "7 low user_sessions threadr:session:*",
    ]);
  });

  test("shows keys that fit its patterns, and the ids of their rows", () => {
    const examples = made.steps.flatMap(({ patterns }) => patterns).filter(({ example }) => example !== null);
    expect(examples.length).toBe(14);
    for (const { pattern, example } of examples) expect(globMatches(pattern, example?.key ?? ""), pattern).toBe(true);
    expect(examples[1]?.example).toEqual({
      key: "threadr:premium:email:ann@example.org",
      id: "email:ann@example.org",
    });
  });

  test("says what becomes of expiry, spellings, counts, sets and what can't be read", () => {
    const rules = (collection: string) => step(made, collection).rules.join("\n");
    expect(rules("users")).toMatch(/lower case.*earlier sign-up's date/);
    expect(rules("subscriptions")).toMatch(/lower case.*grant that lives longer/);
    expect(rules("usage")).toMatch(/lower case.*added up/);
    expect(rules("threads")).not.toMatch(/lower case/);
    expect(rules("subscriptions")).toMatch(/threadr:subscriptions:active follows/);
    expect(rules("users")).toMatch(/threadr:emails:list follows/);
    expect(rules("usage_log")).toMatch(/set aside/);
    const expiry = step(made, "usage").patterns.map(({ expiry: of }) => of.replace(/.*ends /, ""));
    expect(expiry).toEqual([
      "30 d after its first use",
      "365 d after its first use",
      "30 d after its first use",
      "365 d after its first use",
      "24 h 0 min after its last use",
      "31 d after its last use",
    ]);
    expect(step(made, "users").columns.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["email", "utm_source"]),
    );
    expect(step(made, "users").syncColumns.map(({ name }) => name)).toContain("sync_original");
  });

  test("says what is left alone, and why", () => {
    const ignored = made.ignored.flatMap(({ patterns, why }) => patterns.map((pattern) => [pattern, why]));
    const why = Object.fromEntries(ignored) as Record<string, string>;
    expect(why["threadr:ratelimit:*"]).toMatch(/expire by themselves/);
    expect(why["threadr:emails:list"]).toMatch(/made from the records/);
    expect(why["dual-write:*"]).toBeDefined();
    expect(why["bull:*"]).toMatch(/jobs/);
    expect(why["*"]).toMatch(/no collection/);
  });
});

describe("of one's own collections", () => {
  const shops = pgTable("shops", { id: text("id").primaryKey(), ...syncColumns() });
  const orders = pgTable("orders", {
    id: text("id").primaryKey(),
    shop: text("shop").references((): AnyPgColumn => shops.id),
    cents: integer("cents"),
    ...syncColumns(),
  });
  const visits = pgTable("visits", { page: text("page").primaryKey(), ...counterSyncColumns() });
  const collections = {
    orders: defineRecords({
      name: "orders",
      priority: "critical",
      redis: { key: (id) => `shop:<b>"order"</b>:${id}` },
      postgres: { table: orders },
    }),
    shops: defineRecords({
      name: "shops",
      priority: "low",
      redis: {
        key: (id, { prefix }) => `${prefix}shop:${id}`,
        sets: (id, _, { prefix }) => [{ key: `${prefix}shops`, member: id, present: true }],
      },
      postgres: { table: shops },
    }),
    visits: defineCounters({
      name: "visits",
      redis: {
        key: (id, { prefix }) => {
          if (!/^\d+$/.test(id)) throw new TypeError("a number is needed");
          return `${prefix}visits:${id}`;
        },
        parse: (key, { prefix }) => (key.startsWith(`${prefix}visits:`) ? key.slice(prefix.length + 7) : null),
        pattern: ({ prefix }) => `${prefix}visits:[0-9]*`,
      },
      postgres: { table: visits },
      expiry: () => ({ ttlMs: 3_600_000, renew: true }),
    }),
  };
  const made = plan({ keyPrefix: "app[1]:", collections });

  test("what a table refers to goes before it, whatever its priority", () => {
    expect(step(made, "orders")).toMatchObject({ dependsOn: ["shops"], table: "orders" });
    expect(step(made, "shops").order).toBeLessThan(step(made, "orders").order);
    expect(made.steps.map(({ order }) => order)).toEqual(made.steps.map((_, n) => n + 1));
  });

  test("patterns follow from the keys, or are the definition's own where no example fits", () => {
    expect(step(made, "shops").patterns[0]?.pattern).toBe("app\\[1\\]:shop:*");
    expect(step(made, "shops").rules.join()).toMatch(/app\\\[1\\\]:shops follows/);
    expect(step(made, "visits").patterns).toMatchObject([{ pattern: "app[1]:visits:[0-9]*", example: null }]);
    expect(step(made, "orders").columns).toContainEqual({ name: "cents", type: "integer" });
  });

  test("a diagram and a page hold no markup of theirs", () => {
    const diagram = mermaid(made);
    expect(diagram).toMatch(/^flowchart LR\n/);
    expect(diagram.split("\n").filter((line) => line.includes("-.->"))).toHaveLength(1);
    for (const [, label] of diagram.matchAll(/"([^"]*)"/g)) expect(label).not.toMatch(/[<>[\]{}]/);
    const html = planPage(made);
    expect(html.includes('<b>"order"')).toBe(false);
    expect(html).toContain("&lt;b&gt;&quot;order&quot;");
  });
});

test("refuses collections that no store would open", () => {
  expect(() => plan({ keyPrefix: "dual-write:x" })).toThrow(ConfigurationError);
  expect(() => plan({ zone: "Mars" })).toThrow(/Mars/);
});
