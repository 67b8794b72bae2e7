/** What the control tables keep: runs of the migration, differences, decisions, and what was set aside. */
import type { PendingQuery, Row, Sql } from "postgres";
import type { CollectionEvidence, Decision, Evidence, KnownReject, Rejected, WellAgain } from "../evidence.js";
import { pageRejects, type RejectValue } from "./reject-list.js";
import * as rejects from "./rejects.js";
import { storableText } from "./storable-text.js";

/** What a run of the backfill was asked to do. A run goes on only from one that was asked for the same. */
export interface BackfillPlan {
  readonly collections: readonly string[];
  readonly [detail: string]: unknown;
}

export type BackfillState = "running" | "stopped" | "finished" | "abandoned" | "undone";

/** A run that hasn't come to its end. */
export interface OpenBackfill {
  readonly id: string;
  readonly server: string;
  readonly plan: BackfillPlan;
  readonly startedAt: Date;
}

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
        coalesce(rejects.total, 0)::float8 AS rejects, coalesce(rejects.refused, 0)::float8 AS refused
      FROM (SELECT count(*) AS total, count(*) FILTER (WHERE r.source = 'drain') AS refused FROM dual_write_rejects r
        WHERE r.collection = ${collection}::text AND r.source <> 'repair') rejects
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
      refused: Number(row?.refused ?? 0),
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
      SELECT p.reason, extract(epoch FROM p.at)::float8 * 1000 AS at FROM dual_write_decisions p
      WHERE p.what = 'forced-passage' AND p.strategy = ${strategy} AND p.at > now() - interval '1 day'
        AND NOT EXISTS (SELECT FROM dual_write_decisions h WHERE h.what = 'handover' AND h.strategy = p.strategy AND h.id > p.id)
      ORDER BY p.id DESC LIMIT 1`;
    return row ? { reason: String(row.reason ?? ""), at: new Date(Number(row.at)) } : null;
  }

  setAside(all: readonly Rejected[]): Promise<void> {
    return rejects.setAside(this.#sql, all);
  }
  takeBack(collection: string, keys: readonly WellAgain[]): Promise<void> {
    return rejects.takeBack(this.#sql, collection, keys);
  }
  knownRejects(collection: string, keys: readonly string[]): Promise<Map<string, KnownReject>> {
    return rejects.knownRejects(this.#sql, collection, keys);
  }
  pageRejects(collection: string, after: number, limit: number): Promise<RejectValue[]> {
    return pageRejects(this.#sql, { collection }, after, limit);
  }
  rejectCount(): Promise<number> {
    return rejects.rejectCount(this.#sql);
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
    return (await this.openBackfills()).map(({ id }) => id);
  }

  /** The same, with what they were asked for; the oldest first. */
  async openBackfills(): Promise<OpenBackfill[]> {
    const rows = await this.#sql<Record<string, unknown>[]>`
      SELECT id::text AS id, server, plan::text AS plan, extract(epoch FROM started_at)::float8 * 1000 AS started
      FROM dual_write_backfill_runs WHERE finished_at IS NULL ORDER BY started_at, id`;
    return rows.map((row) => ({
      id: String(row.id),
      server: String(row.server),
      plan: JSON.parse(String(row.plan)) as BackfillPlan,
      startedAt: new Date(Number(row.started)),
    }));
  }

  /** What a run was asked for and what became of it. */
  async findBackfill(id: string): Promise<{ state: BackfillState; plan: BackfillPlan } | null> {
    const [row] = await this.#sql<Record<string, unknown>[]>`
      SELECT state, plan::text AS plan FROM dual_write_backfill_runs WHERE id::text = ${id} AND direction = 'forward'`;
    return row ? { state: row.state as BackfillState, plan: JSON.parse(String(row.plan)) as BackfillPlan } : null;
  }

  /** Finished runs are no evidence any more for these collections. */
  async retractBackfills(collections: readonly string[]): Promise<void> {
    await this.#sql`
      UPDATE dual_write_backfill_runs SET state = 'undone' WHERE state = 'finished'
        AND plan -> 'collections' ?| ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(collections)}::text::jsonb))`;
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
      SELECT collection, left(reason, 500) AS kind, count(*)::float8 AS count FROM dual_write_rejects
      GROUP BY collection, left(reason, 500) ORDER BY collection, count(*) DESC`;
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

function dateOf(ms: unknown): Date | null {
  return ms === null || ms === undefined ? null : new Date(Number(ms));
}
