/** What the control tables keep, in memory; each call is a statement on the process's own Postgres connection. */
import type { CollectionEvidence, Decision, Evidence, Rejected, WellAgain } from "../../src/stores/evidence.js";
import type { ControlRecords, OpenBackfill } from "../../src/stores/postgres/control-records.js";
import type { ExplorerPostgres } from "./explorer-stores.js";

interface BackfillRow {
  readonly id: string;
  readonly server: string;
  readonly plan: { readonly collections: readonly string[] };
  readonly startedAt: Date;
  state: "running" | "stopped" | "finished" | "abandoned" | "undone";
  finishedAt: Date | null;
  cursor: string | null;
  counts: unknown;
}

interface VerifyRow {
  readonly collection: string;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly clean: boolean;
}

/** How long a forced passage holds. Milliseconds. */
const PASSAGE_MS = 24 * 60 * 60 * 1000;

/** What is in the tables, shared by all processes. */
export class EvidenceTables {
  readonly backfills: BackfillRow[] = [];
  readonly verifies: VerifyRow[] = [];
  readonly divergences: { readonly collection: string; readonly what: string; readonly at: number }[] = [];
  readonly decisions: (Decision & { readonly at: number })[] = [];
  /** Numbers given to rows of the rejects list. */
  rows = 0;
  readonly rejects = new Map<string, Rejected & { readonly row: number }>();

  unfinished(): BackfillRow[] {
    return this.backfills.filter(({ finishedAt }) => finishedAt === null);
  }
}

/** What the fleet and the migration ask of the control tables. */
export class ExplorerEvidence
  implements
    Evidence,
    Pick<
      ControlRecords,
      | "startBackfill"
      | "saveBackfill"
      | "endBackfill"
      | "unfinishedBackfill"
      | "unfinishedBackfills"
      | "openBackfills"
      | "pageRejects"
      | "putTimeseries"
      | "readTimeseries"
    >
{
  constructor(
    readonly postgres: ExplorerPostgres,
    readonly tables: EvidenceTables,
  ) {}

  of(collection: string): Promise<CollectionEvidence> {
    return this.postgres.control<CollectionEvidence>("evidence", () => {
      const { backfills, verifies, divergences, rejects } = this.tables;
      const finished = backfills.filter(
        ({ state, plan }) => state === "finished" && plan.collections.includes(collection),
      );
      const verify = newest(verifies.filter((one) => one.collection === collection));
      const since = verify?.startedAt.getTime() ?? Number.NEGATIVE_INFINITY;
      const count = (is: (one: Rejected) => boolean) =>
        [...rejects.values()].filter((one) => one.collection === collection && is(one)).length;
      const met = divergences.filter((one) => one.collection === collection && one.at > since);
      return {
        backfilledAt: newest(finished)?.finishedAt ?? null,
        verifiedAt: verify?.finishedAt ?? null,
        verifiedClean: verify?.clean ?? false,
        divergencesSinceVerify: new Set(met.map(({ what }) => what)).size,
        rejects: count((one) => one.source !== "repair"),
        refused: count((one) => one.source === "drain"),
      };
    });
  }

  recordDivergence({ collection, kind, keyHash }: Parameters<Evidence["recordDivergence"]>[0]): Promise<void> {
    return this.#run("recordDivergence", () => {
      this.tables.divergences.push({ collection, what: `${kind} ${keyHash}`, at: this.#now() });
    });
  }

  recordVerify({ collection, startedAt, clean }: Parameters<Evidence["recordVerify"]>[0]): Promise<void> {
    return this.#run("recordVerify", () => {
      this.tables.verifies.push({ collection, startedAt, finishedAt: new Date(this.#now()), clean });
    });
  }

  recordDecision(decision: Decision): Promise<void> {
    return this.#run("recordDecision", () => void this.tables.decisions.push({ ...decision, at: this.#now() }));
  }

  forcedPassage(strategy: string): Promise<{ reason: string; at: Date } | null> {
    return this.#run("forcedPassage", () => {
      const found = this.tables.decisions.findLast(
        (one) => (one.what === "forced-passage" || one.what === "handover") && one.strategy === strategy,
      );
      if (found?.what !== "forced-passage" || found.at <= this.#now() - PASSAGE_MS) return null;
      return { reason: found.reason, at: new Date(found.at) };
    });
  }

  setAside(rejects: readonly Rejected[]): Promise<void> {
    return this.#run("setAside", () => {
      const list = this.tables.rejects;
      for (const one of rejects) {
        const name = `${one.collection} ${one.key}`;
        const known = list.get(name);
        if (!known || known.stamp <= one.stamp) list.set(name, { ...one, row: known?.row ?? ++this.tables.rows });
      }
    });
  }

  takeBack(collection: string, keys: readonly WellAgain[]): Promise<void> {
    return this.#run("takeBack", () => {
      for (const { key, stamp } of keys) {
        const name = `${collection} ${key}`;
        const known = this.tables.rejects.get(name);
        if (known && known.source !== "repair" && known.stamp <= stamp) this.tables.rejects.delete(name);
      }
    });
  }

  rejectCount(): Promise<number> {
    return this.#run("rejectCount", () => this.tables.rejects.size);
  }

  /** Those of these keys that are set aside. */
  async knownRejects(collection: string, keys: readonly string[]): ReturnType<ControlRecords["knownRejects"]> {
    return this.#run("knownRejects", () => {
      const known = keys.map((key) => this.tables.rejects.get(`${collection} ${key}`));
      return new Map(known.flatMap((one) => (one && one.source !== "repair" ? [[one.key, one] as const] : [])));
    });
  }

  pageRejects(collection: string, after: number, limit: number): ReturnType<ControlRecords["pageRejects"]> {
    return this.#run("pageRejects", () =>
      [...this.tables.rejects.values()]
        .filter((one) => one.collection === collection && one.row > after)
        .sort((a, b) => a.row - b.row)
        .slice(0, limit)
        .map((one) => ({ ...one, firstSeen: new Date(this.#now()), attempts: 1, bytes: one.value?.length ?? null })),
    );
  }

  startBackfill(run: Parameters<ControlRecords["startBackfill"]>[0]): Promise<void> {
    return this.#run("startBackfill", () => {
      const startedAt = new Date(this.#now());
      this.tables.backfills.push({ ...run, state: "running", startedAt, finishedAt: null, cursor: null, counts: null });
    });
  }

  saveBackfill(id: string, cursor: string | null, counts: unknown): Promise<void> {
    return this.#run("saveBackfill", () => {
      const row = this.tables.backfills.find((one) => one.id === id && one.finishedAt === null);
      if (row) Object.assign(row, { state: "running", cursor, counts: JSON.parse(JSON.stringify(counts)) });
    });
  }

  endBackfill(id: string, state: BackfillRow["state"]): Promise<void> {
    return this.#run("endBackfill", () => {
      const row = this.tables.backfills.find((one) => one.id === id);
      if (row) Object.assign(row, { state, finishedAt: state === "stopped" ? null : new Date(this.#now()) });
    });
  }

  unfinishedBackfill({ server, plan, maxAgeMs }: Parameters<ControlRecords["unfinishedBackfill"]>[0]) {
    return this.#run("unfinishedBackfill", () => {
      const row = newest(
        this.tables.backfills.filter(
          (one) =>
            (one.state === "running" || one.state === "stopped") &&
            one.counts !== null &&
            one.server === server &&
            JSON.stringify(one.plan) === JSON.stringify(plan) &&
            one.startedAt.getTime() > this.#now() - maxAgeMs,
        ),
      );
      return row ? { ...row } : null;
    });
  }

  unfinishedBackfills(): Promise<string[]> {
    return this.#run("unfinishedBackfills", () => this.tables.unfinished().map(({ id }) => id));
  }

  openBackfills(): Promise<OpenBackfill[]> {
    return this.#run("openBackfills", () => this.tables.unfinished());
  }

  async putTimeseries(): Promise<number> {
    return 0;
  }
  async readTimeseries(): Promise<[]> {
    return [];
  }

  #now(): number {
    return this.postgres.server.now();
  }

  #run<T>(name: string, effect: () => T): Promise<T> {
    return this.postgres.control(name, effect);
  }
}

function newest<T extends { readonly startedAt: Date }>(rows: readonly T[]): T | undefined {
  return rows.reduce<T | undefined>((best, row) => (best && best.startedAt > row.startedAt ? best : row), undefined);
}
