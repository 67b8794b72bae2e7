/** Collections of the user's own, also with keys that the built-in ones would never have. */
import { pgTable, text } from "drizzle-orm/pg-core";
import { expect, test } from "vitest";
import { defineCounters } from "../../src/engine/define-counters.js";
import { defineRecords } from "../../src/engine/define-records.js";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { verify } from "../../src/migration/verify/verify.js";
import { counterSyncColumns, syncColumns } from "../../src/schema/sync-columns.js";
import { useFixture } from "./fixture.js";

const coupons = defineRecords<{ percent: number }>({
  name: "coupons",
  // Outside the prefix.
  redis: { key: (code) => `shop{eu}:coupon:${code}` },
  postgres: { table: pgTable("coupons", { code: text("code").primaryKey(), ...syncColumns() }) },
});
const loose = defineRecords<object>({
  name: "loose",
  // Takes more keys for its own than it writes.
  redis: {
    key: (id, { prefix }) => `${prefix}loose:${id}`,
    parse: (key, { prefix }) => (key.startsWith(`${prefix}loose:`) ? key.slice(prefix.length + 6).toLowerCase() : null),
  },
  postgres: { table: pgTable("loose", { id: text("id").primaryKey(), ...syncColumns() }) },
});
const visits = defineCounters({
  name: "visits",
  redis: { key: (page, { prefix }) => `${prefix}visits:${page}` },
  postgres: { table: pgTable("visits", { page: text("page").primaryKey(), ...counterSyncColumns() }) },
});

const fixture = useFixture({ collections: { coupons, loose, visits } });

test("are copied and verified like the built-in ones", async () => {
  const { redis, context, sql } = fixture();
  const sync =
    "sync_stamp bigint NOT NULL DEFAULT 0, sync_expires_at timestamptz(3), sync_operations text[] NOT NULL DEFAULT '{}'";
  await sql.unsafe(`CREATE TABLE coupons (code text PRIMARY KEY, ${sync}, sync_original bytea)`);
  await sql.unsafe(`CREATE TABLE loose (id text PRIMARY KEY, ${sync}, sync_original bytea)`);
  await sql.unsafe(
    `CREATE TABLE visits (page text PRIMARY KEY, ${sync}, sync_generation bigint NOT NULL DEFAULT 0, sync_redis_part bigint NOT NULL DEFAULT 0, sync_postgres_part bigint NOT NULL DEFAULT 0)`,
  );
  await redis.set("shop{eu}:coupon:SPRING", '{"percent":20}');
  await redis.set("threadr:loose:a", "{}");
  await redis.set("threadr:loose:A", "{}");
  await redis.set("threadr:visits:home", "41");

  const report = await backfill(context);
  expect(report.counts).toMatchObject({ seen: 4, copied: 3, setAside: 1 });
  expect(report.complete).toEqual(expect.arrayContaining(["coupons", "loose", "visits"]));
  expect(await fixture().rejects()).toMatchObject([
    { collection: "loose", key: "threadr:loose:A", reason: expect.stringMatching(/another key/) },
  ]);
  expect(await verify(context)).toMatchObject({
    clean: true,
    collections: { loose: { setAside: 1 }, coupons: { compared: 1 }, visits: { compared: 1 } },
  });
  expect((await backfill(context)).counts).toMatchObject({ unchanged: 3, setAside: 1 });
});
