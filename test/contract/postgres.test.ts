/** PostgresStore keeps the contract on a real server. */
import postgres from "postgres";
import { afterAll, beforeAll } from "vitest";
import { applySchema } from "../../src/schema/migrate.js";
import { PostgresStore } from "../../src/stores/postgres/postgres-store.js";
import { type FreshDatabase, freshDatabase } from "../support/databases.js";
import { behindGuard } from "./behind-guard.js";
import { CONTRACT_TABLES } from "./contract-collections.js";
import type { MakeOptions } from "./contract-harness.js";
import { describePostgresContract } from "./postgres-contract.js";
import { describeStoreContract } from "./store-contract.js";

let database: FreshDatabase;
let sql: postgres.Sql;

beforeAll(async () => {
  database = await freshDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => {} });
  await applySchema(sql);
  for (const statement of CONTRACT_TABLES) await sql.unsafe(statement);
});

afterAll(async () => {
  await sql?.end({ timeout: 1 });
  await database?.drop();
});

async function postgresStore({ logLimit }: MakeOptions = {}) {
  await sql`TRUNCATE contract_items, contract_counts, dual_write_fence, dual_write_log, dual_write_log_overflow, dual_write_leases`;
  const store = await PostgresStore.connect({ postgres: database.url, logLimit });
  return { store: behindGuard(store), close: () => store.close() };
}

describeStoreContract("PostgresStore", postgresStore);
describePostgresContract("PostgresStore", postgresStore);
