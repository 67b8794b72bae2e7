/** The migration beside the application: opens both stores as an observer and runs what moves and checks data. */
import { applySchema } from "../schema/migrate.js";
import { giveUpRedis, takeRedisBack } from "../strategy/give-up.js";
import { type BackfillOptions, type BackfillReport, backfill } from "./backfill/backfill.js";
import { closeContext, type MigrationContext } from "./migration-context.js";
import { type MigrationOptions, openContext } from "./open-context.js";
import { type MigrationStatus, readStatus } from "./status/status.js";
import { type VerifyOptions, type VerifyReport, verify } from "./verify/verify.js";

export type { MigrationOptions } from "./open-context.js";

export interface DecisionOptions {
  /** Kept with the decision. */
  readonly reason: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens both stores beside whatever else uses them. It holds no lease, so the fleet neither waits for it nor counts it.
 *
 * @example
 * const migration = await Migration.open({ redis: process.env.REDIS_URL, postgres: process.env.DATABASE_URL });
 * await migration.migrateSchema();
 * const { counts } = await migration.backfill({ onProgress: ({ seen, total }) => console.error(seen, total) });
 * const { clean } = await migration.verify();
 * await migration.close();
 */
export class Migration {
  readonly #context: MigrationContext;

  private constructor(context: MigrationContext) {
    this.#context = context;
  }

  /** Begins to connect; a store that is away is no error here. @throws ConfigurationError */
  static async open(options: MigrationOptions): Promise<Migration> {
    return new Migration(await openContext(options));
  }

  /** Brings the database's tables up to date. Returns the migrations that this call applied. @throws SchemaOutOfDateError */
  migrateSchema(): Promise<string[]> {
    return applySchema(this.#context.postgres.store.sql);
  }

  /** Copies what stood in Redis before. See {@link BackfillOptions}. */
  backfill(options?: BackfillOptions): Promise<BackfillReport> {
    return backfill(this.#context, options);
  }

  /** Compares all of it, both ways, and repairs on request. See {@link VerifyOptions}. */
  verify(options?: VerifyOptions): Promise<VerifyReport> {
    return verify(this.#context, options);
  }

  /** Where the migration stands, as far as the stores answer. */
  status(): Promise<MigrationStatus> {
    return readStatus(this.#context);
  }

  /**
   * From now on nothing is remembered for Redis, and no connection to it is needed.
   * @throws GateRefusedError unless Postgres is the authority and every live process is at POSTGRES_ONLY
   */
  giveUpRedis({ reason }: DecisionOptions): Promise<void> {
    return giveUpRedis(this.#context, reason);
  }

  /** Begins to remember for Redis again and copies everything into it. @throws StrategyError unless it is empty */
  takeRedisBack({ reason, signal }: DecisionOptions): Promise<void> {
    return takeRedisBack(this.#context, reason, signal ? { signal } : {});
  }

  close(): Promise<void> {
    return closeContext(this.#context);
  }
}
