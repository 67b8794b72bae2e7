/**
 * A small app that moves data of its own. It knows the library by its public surface only.
 * REDIS_URL and DATABASE_URL name the servers, DUAL_WRITE_STRATEGY the strategy (DUAL_WRITE unless set).
 */
import { randomUUID } from "node:crypto";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { DualWriteStore, defineRecords, syncColumns, ValidationError } from "dual-write-store";
import postgres from "postgres";

interface Coupon {
  readonly percent: number;
  readonly note?: string;
}

// 1. The table: typed columns for people who query it, and the library's own beside them.
const table = pgTable("coupons", {
  code: text("code").primaryKey(),
  percent: integer("percent"),
  note: text("note"),
  ...syncColumns(),
});

// Where drizzle-kit makes the migrations, it writes this from the definition above.
const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS coupons (
  code text PRIMARY KEY,
  percent integer,
  note text,
  sync_stamp bigint NOT NULL DEFAULT 0,
  sync_expires_at timestamptz(3),
  sync_operations text[] NOT NULL DEFAULT '{}',
  sync_original bytea
)`;

// 2. The collection: its key in Redis, its table in Postgres, and what a value must be.
const coupons = defineRecords<Coupon>({
  name: "coupons",
  redis: { key: (code, { prefix }) => `${prefix}coupon:${code}` },
  postgres: { table },
  schema: { "~standard": { validate: checkCoupon } },
});

function checkCoupon(value: unknown) {
  const percent = (value as Partial<Coupon> | null)?.percent;
  const valid = typeof percent === "number" && percent >= 1 && percent <= 100;
  return valid ? { value } : { issues: [{ message: "from 1 to 100 is expected", path: ["percent"] }] };
}

async function main(): Promise<void> {
  const { REDIS_URL, DATABASE_URL = "", DUAL_WRITE_STRATEGY = "DUAL_WRITE" } = process.env;
  const sql = postgres(DATABASE_URL, { max: 1, onnotice: () => {} });
  await sql.unsafe(CREATE_TABLE);
  await sql.end();

  // 3. Open, write, read, change, delete, close.
  const store = await DualWriteStore.open({
    redis: REDIS_URL,
    postgres: DATABASE_URL,
    strategy: DUAL_WRITE_STRATEGY as "DUAL_WRITE",
    keyPrefix: "shop:",
    collections: { coupons },
    schema: "apply",
  });
  try {
    const shop = store.collections.coupons;
    await shop.put("SPRING", { percent: 20 }, { expiresAt: Date.now() + 3_600_000 });
    console.log("put SPRING");

    const read = await shop.read("SPRING");
    if (read.kind === "hit") console.log(`read SPRING: ${read.value.percent} % from ${read.store}`);
    console.log(`read NOSUCH: ${(await shop.read("NOSUCH")).kind}`);

    const updated = await shop.update("SPRING", (coupon) => ({ ...coupon, note: "last days" }));
    console.log(`updated SPRING: ${updated?.percent} %, ${updated?.note}`);

    // One operation, sent twice: applied once. An id names one operation for good, so each needs its own.
    const operationId = randomUUID();
    await shop.put("SUMMER", { percent: 30 }, { operationId });
    await shop.put("SUMMER", { percent: 30 }, { operationId });
    const refused = await shop.put("WINTER", { percent: 300 }).catch((error: unknown) => error);
    if (refused instanceof ValidationError) console.log(`refused WINTER: ${refused.issues[0]?.message}`);
    console.log(`deleted SUMMER: ${await shop.delete("SUMMER")}`);

    const { strategy, authority, repairLog } = await store.health();
    console.log(`${strategy}: the authority is ${authority}, ${repairLog.entries} entries in the repair log`);
  } finally {
    await store.close();
  }
}

await main();
