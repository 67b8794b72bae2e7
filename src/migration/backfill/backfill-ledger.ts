/** The run's row in Postgres: begins or goes on with a run, keeps its place and counts, and ends it. */
import { randomUUID } from "node:crypto";
import { AuthorityUnavailableError } from "../../errors.js";
import type { BackfillPlan } from "../../stores/postgres/control-records.js";
import { RETENTION_MS } from "../../stores/state.js";
import { serverOf } from "../keyspace/keyspace-page.js";
import type { BothStores } from "../migration-context.js";
import { rest } from "../run/pace.js";
import { Tally, type TallyRecord } from "../run/tally.js";
import { type Overflows, sameOverflows } from "./overflow.js";

/** A run whose process stopped renewing its claim this long ago was killed; another may go on with it. Milliseconds. */
const CLAIM_MS = 3000;
const CLAIM_CALL_MS = 2000;

export interface LedgerOptions {
  readonly plan: BackfillPlan;
  /** Which repair logs have left out entries by now. */
  readonly overflows: Overflows;
  /** Begin anew even where a run could go on. */
  readonly restart: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What the row keeps beside the cursor. */
interface Kept extends TallyRecord {
  readonly overflows: Overflows;
}

export class BackfillLedger {
  readonly id: string;
  /** The server that is listed. */
  readonly server: string;
  /** Where to go on: "0" is the beginning, null the end. */
  readonly cursor: string | null;
  readonly resumed: boolean;
  readonly tally: Tally;
  readonly overflows: Overflows;
  readonly #context: BothStores;
  readonly #owner: string;
  readonly #renewing: NodeJS.Timeout;
  #lost = false;
  #mark: { readonly cursor: string | null; readonly kept: Kept } | undefined;

  private constructor(
    context: BothStores,
    owner: string,
    run: Pick<BackfillLedger, "id" | "server" | "cursor" | "resumed" | "tally" | "overflows">,
  ) {
    this.#context = context;
    this.#owner = owner;
    this.id = run.id;
    this.server = run.server;
    this.cursor = run.cursor;
    this.resumed = run.resumed;
    this.tally = run.tally;
    this.overflows = run.overflows;
    // Between pages too: one may take as long as an outage does.
    this.#renewing = setInterval(() => void this.#renew(), CLAIM_MS / 4).unref();
  }

  /**
   * Goes on with a run of the same plan on the same server that was stopped or killed. SCAN's cursor needs nothing of the server but
   * that its keyspace lived on. After the retention, though, Postgres may have forgotten deletes that the run hasn't met, and what
   * a full repair log left out since may belong to pages that were done: then the run begins anew.
   */
  static async open(context: BothStores, { plan, overflows, restart, signal }: LedgerOptions): Promise<BackfillLedger> {
    const server = serverOf(context);
    const owner = randomUUID();
    const find = () => context.evidence.unfinishedBackfill({ server, plan, maxAgeMs: RETENTION_MS });
    let before = restart ? null : await find();
    if (
      before &&
      sameOverflows((before.counts as Kept).overflows, overflows) &&
      (await claimWhenDead(context, before.id, owner, signal))
    ) {
      // Its process may have gone on, or come to the end, until the claim was free.
      const { id } = before;
      before = await find();
      if (before?.id === id) {
        return new BackfillLedger(context, owner, {
          id,
          server,
          cursor: before.cursor,
          resumed: true,
          tally: new Tally(before.counts as Kept),
          overflows,
        });
      }
      await claim(context, id, owner, 1);
    }
    await abandonDead(context, owner);
    const id = randomUUID();
    await claim(context, id, owner, CLAIM_MS);
    await context.evidence.startBackfill({ id, server, plan });
    return new BackfillLedger(context, owner, {
      id,
      server,
      cursor: "0",
      resumed: false,
      tally: new Tally(),
      overflows,
    });
  }

  /** Everything before `cursor` is done and counted. Nothing is written yet, so that the next page needn't wait for it. */
  mark(cursor: string | null): void {
    this.#mark = { cursor, kept: this.#kept() };
  }

  /** Writes the last mark. @throws AuthorityUnavailableError when another process took the run over */
  async save(): Promise<void> {
    if (this.#lost) {
      throw new AuthorityUnavailableError(
        "This process was out of touch for so long that another one goes on with its run. Nothing is lost; follow the other one.",
      );
    }
    if (this.#mark) await this.#context.evidence.saveBackfill(this.id, this.#mark.cursor, this.#mark.kept);
  }

  /** `stopped`: may go on later. */
  async end(state: "finished" | "stopped" | "abandoned"): Promise<void> {
    if (this.#lost) return;
    await this.save();
    await this.#context.evidence.endBackfill(this.id, state);
  }

  /** Lets another process go on with the run at once. */
  async release(): Promise<void> {
    clearInterval(this.#renewing);
    await claim(this.#context, this.id, this.#owner, 1).catch(() => {}); // It ends by itself too.
  }

  async #renew(): Promise<void> {
    // Redis may be away for longer than the claim lasts; whoever took the run then has it.
    if (!(await claim(this.#context, this.id, this.#owner, CLAIM_MS).catch(() => true))) this.#lost = true;
  }

  #kept(): Kept {
    return { ...this.tally.toJSON(), overflows: this.overflows };
  }
}

function claim(context: BothStores, id: string, owner: string, ms: number): Promise<boolean> {
  return context.redis.attempt((store) => store.claimTask(`backfill:${id}`, owner, ms), CLAIM_CALL_MS);
}

/** Waits for the end of a claim whose process may have been killed just now. False: it lives, so the run is its own. */
async function claimWhenDead(context: BothStores, id: string, owner: string, signal?: AbortSignal): Promise<boolean> {
  const until = performance.now() + CLAIM_MS + 500;
  while (!(await claim(context, id, owner, CLAIM_MS))) {
    if (performance.now() > until) return false;
    await rest(200, signal);
  }
  return true;
}

/** Runs that nobody will go on with: while they count as unfinished, Postgres forgets no delete. */
async function abandonDead(context: BothStores, owner: string): Promise<void> {
  for (const id of await context.evidence.unfinishedBackfills()) {
    if (await claim(context, id, owner, 1)) await context.evidence.endBackfill(id, "abandoned");
  }
}
