/** What the control tables keep: runs of the migration, differences, decisions, and what was set aside. */
import { createHash } from "node:crypto";
import type { PendingQuery, Row, Sql } from "postgres";
import type { CollectionEvidence, Decision, Evidence, Rejected } from "../evidence.js";

/** What a run of the backfill was asked to do. A run goes on only from one that was asked for the same. */
export interface BackfillPlan {
  readonly collections: readonly string[];
  readonly [detail: string]: unknown;
}

export type BackfillState = "running" | "stopped" | "finished" | "abandoned";

export type BackfillRun = NonNullable<Awaited<ReturnType<ControlRecords["lastBackfill"]>>>;
export type VerifyRun = Awaited<ReturnType<ControlRecords["lastVerifies"]>>[number];
export type CollectionCount = { readonly collection: string; readonly kind: string; readonly count: number };

/** One figure of the legacy hash `usage:stats`. */
export interface TimeseriesRow {
  readonly metric: string;
  readonly bucket: string;
  /** A whole number of 64 bits, as text. */
  readonly value: string;
  readonly original: string;
}

const BATCH = 500; // Rows of one statement.
/** Of a key in the rejects list; a B-tree entry holds about 2700 bytes. Characters. */
const MAX_KEY = 600;

export class ControlRecords implements Evidence {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async of(collection: string): Promise<CollectionEvidence> {
    const [row] = await this.#sql<Record<string, unknown>[]>`
      SELECT backfill.at AS backfilled, verify.at AS verified, coalesce(verify.clean, false) AS clean,
        (SELECT count(DISTINCT (d.kind, d.key_hash)) FROM dual_write_divergence d
          WHERE d.collection = ${collection}::text AND d.at > coalesce(verify.started, '-infinity'))::float8 AS divergences,
        (SELECT count(*) FROM dual_write_rejects r WHERE r.collection = ${collection}::text)::float8 AS rejects
      FROM (SELECT 1) one
      LEFT JOIN LATERAL (SELECT extract(epoch FROM b.finished_at)::float8 * 1000 AS at FROM dual_write_backfill_runs b
        WHERE b.state = 'finished' AND b.plan -> 'collections' ? ${collection}::text ORDER BY b.finished_at DESC LIMIT 1) backfill ON true
      LEFT JOIN LATERAL (SELECT extract(epoch FROM v.finished_at)::float8 * 1000 AS at, v.started_at AS started, v.clean FROM dual_write_verify_runs v
        WHERE v.collection = ${collection}::text AND v.finished_at IS NOT NULL ORDER BY v.started_at DESC, v.id DESC LIMIT 1) verify ON true`;
    return {
      backfilledAt: dateOf(row?.backfilled),
      verifiedAt: dateOf(row?.verified),
      verifiedClean: row?.clean === true,
      divergencesSinceVerify: Number(row?.divergences ?? 0),
      rejects: Number(row?.rejects ?? 0),
    };
  }

  async recordDivergence(row: Parameters<Evidence["recordDivergence"]>[0]): Promise<void> {
    await this.#sql`
      INSERT INTO dual_write_divergence (kind, collection, key_hash, redis_stamp, postgres_stamp)
      VALUES (${row.kind}, ${row.collection}, ${row.keyHash}, ${row.redisStamp}, ${row.postgresStamp})`;
  }

  /** Also forgets differences of more than 30 days ago: a verify says more than they do. */
  async recordVerify(run: Parameters<Evidence["recordVerify"]>[0]): Promise<void> {
    await this.#sql`
      INSERT INTO dual_write_verify_runs (started_at, finished_at, collection, compared, differences, clean)
      VALUES (${run.startedAt.toISOString()}::text::timestamptz, clock_timestamp(), ${run.collection}, ${run.compared},
        ${JSON.stringify(run.differences)}::text::jsonb, ${run.clean})`;
    await this.#sql`
      DELETE FROM dual_write_divergence WHERE collection = ${run.collection} AND at < now() - interval '30 days'`;
  }

  async recordDecision({ what, strategy, reason, forced, process }: Decision): Promise<void> {
    await this.#sql`
      INSERT INTO dual_write_decisions (what, strategy, reason, forced, process)
      VALUES (${what}, ${strategy}, ${storableText(reason)}, ${forced}, ${process})`;
  }

  async forcedPassage(strategy: string): Promise<{ reason: string; at: Date } | null> {
    const [row] = await this.#sql<Record<string, unknown>[]>`
      SELECT reason, extract(epoch FROM at)::float8 * 1000 AS at FROM dual_write_decisions
      WHERE what = 'forced-passage' AND strategy = ${strategy} AND at > now() - interval '1 day' ORDER BY id DESC LIMIT 1`;
    return row ? { reason: String(row.reason ?? ""), at: new Date(Number(row.at)) } : null;
  }

  async setAside(rejected: Rejected): Promise<void> {
    await this.setAsideAll([rejected]);
  }

  /** One row for each key; what is set aside again is counted as another attempt. */
  async setAsideAll(rejects: readonly Rejected[]): Promise<void> {
    const distinct = new Map(rejects.map((one) => [`${one.collection}\0${rejectKey(one.key)}`, one]));
    const rows = [...distinct.values()].map(({ collection, key, reason, value, source }) => {
      return { collection, key: rejectKey(key), reason: storableText(reason), value, source };
    });
    for (let from = 0; from < rows.length; from += BATCH) {
      await this.#sql`
        INSERT INTO dual_write_rejects ${this.#sql(rows.slice(from, from + BATCH), "collection", "key", "reason", "value", "source")}
        ON CONFLICT (collection, key) DO UPDATE
          SET reason = excluded.reason, value = excluded.value, source = excluded.source, attempts = dual_write_rejects.attempts + 1`;
    }
  }

  async takeBack(collection: string, key: string): Promise<void> {
    await this.takeBackAll(collection, [key]);
  }

  async takeBackAll(collection: string, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#sql`
      DELETE FROM dual_write_rejects WHERE collection = ${collection} AND source <> 'repair'
        AND key IN (SELECT jsonb_array_elements_text(${JSON.stringify(keys.map(rejectKey))}::text::jsonb))`;
  }

  /** The values of those of these keys that are set aside, but for what a repair replaced: that was valid. */
  async knownRejects(collection: string, keys: readonly string[]): Promise<Map<string, Buffer | null>> {
    if (keys.length === 0) return new Map();
    const rows = await this.#sql<{ key: string; value: Buffer | null }[]>`
      SELECT key, value FROM dual_write_rejects WHERE collection = ${collection} AND source <> 'repair'
        AND key IN (SELECT jsonb_array_elements_text(${JSON.stringify(keys.map(rejectKey))}::text::jsonb))`;
    const known = new Map(rows.map(({ key, value }) => [key, value]));
    const found = keys.filter((key) => known.has(rejectKey(key)));
    return new Map(found.map((key) => [key, known.get(rejectKey(key)) ?? null]));
  }

  async rejectCount(): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`SELECT count(*)::float8 AS count FROM dual_write_rejects`;
    return row?.count ?? 0;
  }

  async startBackfill(run: {
    readonly id: string;
    readonly server: string;
    readonly plan: BackfillPlan;
  }): Promise<void> {
    await this.#sql`
      INSERT INTO dual_write_backfill_runs (id, direction, state, server, plan)
      VALUES (${run.id}, 'forward', 'running', ${run.server}, ${JSON.stringify(run.plan)}::text::jsonb)`;
  }

  /** How far the run has come. `cursor` null: everything was listed. */
  async saveBackfill(id: string, cursor: string | null, counts: unknown): Promise<void> {
    await this.#sql`
      UPDATE dual_write_backfill_runs SET state = 'running', cursor = ${JSON.stringify(cursor)}::text::jsonb,
        counts = ${JSON.stringify(counts)}::text::jsonb WHERE id = ${id}::uuid AND finished_at IS NULL`;
  }

  async endBackfill(id: string, state: Exclude<BackfillState, "running">): Promise<void> {
    await this.#sql`UPDATE dual_write_backfill_runs SET state = ${state},
      finished_at = CASE WHEN ${state}::text <> 'stopped' THEN clock_timestamp() END WHERE id = ${id}::uuid`;
  }

  /** The newest run that was asked for the same on the same server and didn't come to its end. */
  unfinishedBackfill({ server, plan, maxAgeMs }: { server: string; plan: BackfillPlan; maxAgeMs: number }) {
    return this.#newestBackfill(this.#sql`state IN ('running', 'stopped') AND counts IS NOT NULL AND server = ${server}
      AND plan = ${JSON.stringify(plan)}::text::jsonb AND started_at > now() - make_interval(secs => ${maxAgeMs / 1000}::float8)`);
  }

  /** Runs that nobody has ended, whatever they were asked for. */
  async unfinishedBackfills(): Promise<string[]> {
    const rows = await this.#sql<
      { id: string }[]
    >`SELECT id::text AS id FROM dual_write_backfill_runs WHERE finished_at IS NULL`;
    return rows.map(({ id }) => id);
  }

  lastBackfill() {
    return this.#newestBackfill(this.#sql`true`);
  }

  async #newestBackfill(condition: PendingQuery<Row[]>) {
    const [row] = await this.#sql<Record<string, unknown>[]>`
      SELECT id::text AS id, state, extract(epoch FROM started_at)::float8 * 1000 AS started,
        extract(epoch FROM finished_at)::float8 * 1000 AS finished, cursor::text AS cursor, counts::text AS counts
      FROM dual_write_backfill_runs WHERE direction = 'forward' AND ${condition} ORDER BY started_at DESC LIMIT 1`;
    return row
      ? {
          id: String(row.id),
          state: row.state as BackfillState,
          startedAt: new Date(Number(row.started)),
          finishedAt: dateOf(row.finished),
          cursor: JSON.parse(String(row.cursor)) as string | null,
          counts: JSON.parse(String(row.counts)) as unknown,
        }
      : null;
  }

  /** The newest verify of each collection. */
  async lastVerifies() {
    const rows = await this.#sql<Record<string, unknown>[]>`
      SELECT DISTINCT ON (collection) collection, extract(epoch FROM started_at)::float8 * 1000 AS started,
        extract(epoch FROM finished_at)::float8 * 1000 AS finished, compared::float8 AS compared, differences::text AS differences, clean
      FROM dual_write_verify_runs WHERE finished_at IS NOT NULL ORDER BY collection, started_at DESC, id DESC`;
    return rows.map((row) => ({
      collection: String(row.collection),
      startedAt: new Date(Number(row.started)),
      finishedAt: new Date(Number(row.finished)),
      compared: Number(row.compared),
      differences: JSON.parse(String(row.differences ?? "{}")) as Record<string, number>,
      clean: row.clean === true,
    }));
  }

  /** What traffic met since the last verify of each collection, and what is set aside, by collection and kind or reason. */
  async findings(): Promise<{ divergences: CollectionCount[]; rejects: CollectionCount[] }> {
    const divergences = await this.#sql<CollectionCount[]>`
      SELECT d.collection, d.kind, count(DISTINCT d.key_hash)::float8 AS count FROM dual_write_divergence d
      WHERE d.at > coalesce((SELECT max(v.started_at) FROM dual_write_verify_runs v WHERE v.collection = d.collection AND v.finished_at IS NOT NULL), '-infinity')
      GROUP BY d.collection, d.kind ORDER BY d.collection, d.kind`;
    const rejects = await this.#sql<CollectionCount[]>`
      SELECT collection, source AS kind, count(*)::float8 AS count FROM dual_write_rejects GROUP BY collection, source ORDER BY collection, source`;
    return { divergences: [...divergences], rejects: [...rejects] };
  }

  /** Writes the figures as they stood at `readAt`, unless later ones stand. Returns how many changed. */
  async putTimeseries(rows: readonly TimeseriesRow[], readAt: number): Promise<number> {
    const written = await this.#sql`
      INSERT INTO analytics_timeseries AS held (metric, bucket, value, original, updated_at)
      SELECT r.metric, r.bucket, r.value, r.original, to_timestamp(${readAt / 1000}::float8)
        FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS r(metric text, bucket text, value bigint, original text)
      ON CONFLICT (metric, bucket) DO UPDATE SET value = excluded.value, original = excluded.original, updated_at = excluded.updated_at
        WHERE held.updated_at <= excluded.updated_at AND (held.value, held.original) IS DISTINCT FROM (excluded.value, excluded.original)`;
    return written.count;
  }

  async readTimeseries(): Promise<TimeseriesRow[]> {
    return this.#sql<
      TimeseriesRow[]
    >`SELECT metric, bucket, value::text AS value, original FROM analytics_timeseries ORDER BY metric, bucket`;
  }
}

/** Postgres refuses U+0000 in text, and UTF-8 has no form for a lone surrogate. */
function storableText(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, "\ufffd");
}

/** A key as the rejects list has it: what can't be stored or indexed is cut, and told apart by a hash. */
function rejectKey(key: string): string {
  const text = storableText(key);
  if (text === key && key.length <= MAX_KEY) return key;
  return `${text.slice(0, MAX_KEY)}…${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
}

function dateOf(ms: unknown): Date | null {
  return ms === null || ms === undefined ? null : new Date(Number(ms));
}
