/** What was set aside: to look at, to send again once it was put right, or to let go. */
import { hashKey } from "../../engine/events.js";
import { ConfigurationError } from "../../errors.js";
import { checkSchema } from "../../schema/migrate.js";
import {
  dropRejects,
  pageRejects,
  type RejectEntry,
  type RejectFilter,
  type RejectValue,
} from "../../stores/postgres/reject-list.js";
import { isStandIn } from "../../stores/postgres/rejects.js";
import { type Retried, retrySetAside } from "../../strategy/set-aside.js";
import { type BoundCollection, type MigrationContext, withRedis } from "../migration-context.js";
import { settledReign } from "../redis-authority.js";
import { persist, toBegin } from "../run/persist.js";
import { type RunOptions, resolveRun } from "../run/run-options.js";

export type { RejectEntry, RejectFilter, RejectValue } from "../../stores/postgres/reject-list.js";

export interface RejectsOptions extends RejectFilter, Pick<RunOptions, "patienceMs" | "signal"> {
  /** Shows keys instead of their hashes. @default false */
  readonly showKeys?: boolean | undefined;
}

export interface RetryReport {
  /** The mirror took them. */
  readonly sent: number;
  /** The authority has nothing of them any more. */
  readonly gone: number;
  /** They stay on the list, with the reason of now. */
  readonly refused: number;
  /** They stay: the mirror holds something newer, or Redis is being refilled. */
  readonly waiting: number;
  /** They stay: no record can have such a key, or it is longer than the list holds, or they are other spellings or statistics; a backfill looks at them again. */
  readonly notRetried: number;
}

const PAGE = 500;

/** Row by row, the oldest first, bounded in memory. */
export async function* listRejects(
  context: MigrationContext,
  options: RejectsOptions = {},
): AsyncGenerator<RejectValue, void, undefined> {
  const run = resolveRun(options);
  check(context, options);
  await persist("Reaching Postgres", toBegin(run), () => checkSchema(context.postgres.store.sql));
  for (let after = 0; ; ) {
    const page = await persist("Reading the rejects list", run, () =>
      pageRejects(context.postgres.store.sql, options, after, PAGE),
    );
    for (const one of page) yield options.showKeys ? one : { ...one, key: hashKey(one.collection, one.key) };
    if (page.length < PAGE) return;
    after = (page.at(-1) as RejectEntry).row;
    options.signal?.throwIfAborted();
  }
}

/**
 * Sends what stands under these keys now to the mirror again. What bypass writers wrote there gets a stamp of its own.
 * @throws ConfigurationError; AuthorityUnavailableError
 */
export async function retryRejects(context: MigrationContext, options: RejectsOptions = {}): Promise<RetryReport> {
  const stores = withRedis(context);
  const run = resolveRun(options);
  const report = { sent: 0, gone: 0, refused: 0, waiting: 0, notRetried: 0 };
  const waiting = new Map<BoundCollection, string[]>();
  const send = async (collection: BoundCollection) => {
    const ids = waiting.get(collection) ?? [];
    waiting.delete(collection);
    const retried = await persist("Sending again", run, async (): Promise<Retried[]> => {
      await settledReign(stores);
      return retrySetAside(stores, collection, ids);
    });
    for (const { outcome } of retried) report[outcome]++;
  };
  for await (const { collection: name, key, source } of listRejects(context, { ...options, showKeys: true })) {
    const collection = context.collections.find((one) => one.name === name);
    const id = source === "repair" || isStandIn(key) ? null : (collection?.parseKey(key) ?? null);
    if (!collection || id === null || collection.redisKey(id) !== key) {
      report.notRetried++;
      continue;
    }
    const ids = waiting.get(collection) ?? [];
    ids.push(id);
    waiting.set(collection, ids);
    if (ids.length >= PAGE) await send(collection);
  }
  for (const collection of [...waiting.keys()]) await send(collection);
  return report;
}

/** Takes rows off the list for a reason, which is kept with the decisions. Returns how many there were. */
export async function dropRejected(
  context: MigrationContext,
  { rows, reason }: { readonly rows: readonly number[]; readonly reason: string },
): Promise<number> {
  check(context, { rows });
  const issues = [
    ...(rows.length === 0 ? [{ path: "rows", message: "name at least one; the list shows their numbers" }] : []),
    ...(reason.trim() === "" ? [{ path: "reason", message: "say why" }] : []),
  ];
  if (issues.length > 0) throw new ConfigurationError(issues);
  const { postgres, evidence, processId } = context;
  await checkSchema(postgres.store.sql);
  const found = await pageRejects(postgres.store.sql, { rows }, 0, rows.length);
  const hashes = found.map(({ collection, key }) => `${collection} ${hashKey(collection, key)}`);
  // First, so that nothing goes without its reason.
  await evidence.recordDecision({
    what: "drop-rejects",
    strategy: null,
    reason: `${reason} (${hashes.join(", ") || "nothing found"})`,
    forced: false,
    process: processId,
  });
  return dropRejects(
    postgres.store.sql,
    found.map(({ row }) => row),
  );
}

function check({ collections }: MigrationContext, { collection, rows }: RejectFilter): void {
  const issues = [];
  if (rows?.some((row) => !Number.isSafeInteger(row) || row < 1))
    issues.push({ path: "rows", message: "whole numbers, as the list shows them" });
  const known = [...collections.map(({ name }) => name), "analytics_timeseries"];
  if (collection !== undefined && !known.includes(collection))
    issues.push({ path: "collection", message: `there is no "${collection}"; there are ${known.join(", ")}` });
  if (issues.length > 0) throw new ConfigurationError(issues);
}
