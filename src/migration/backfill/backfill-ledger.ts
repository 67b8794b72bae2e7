/** The run's row in Postgres: begins or goes on with a run, keeps its place and counts, and ends it. */
import { randomUUID } from "node:crypto";
import { AuthorityUnavailableError } from "../../errors.js";
import type { BackfillPlan } from "../../stores/postgres/control-records.js";
import { RETENTION_MS } from "../../stores/state.js";
import { serverOf } from "../keyspace/keyspace-page.js";
import type { BothStores } from "../migration-context.js";
import { Tally, type TallyRecord } from "../run/tally.js";
import { refuseLiveRuns, refuseOtherPlaces, sharesWith, whyNotResumed } from "./open-runs.js";
import { type Overflows, sameOverflows } from "./overflow.js";
import { CLAIM_MS, claim } from "./run-claim.js";

export interface LedgerOptions {
  readonly plan: BackfillPlan;
  /** Which repair logs have left out entries by now. */
  readonly overflows: Overflows;
  /** Begin anew even where a run could go on, go on or nothing, or as it comes. */
  readonly begin: "anew" | "resumed" | "either";
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
   * @throws ConflictError while another run copies some of the same; ConfigurationError where it should have gone on and can't, or
   *   would give up the place of another that was stopped
   */
  static async open(context: BothStores, { plan, overflows, begin, signal }: LedgerOptions): Promise<BackfillLedger> {
    const server = serverOf(context);
    const owner = randomUUID();
    await refuseLiveRuns(context, { plan, owner, signal });
    const before =
      begin === "anew" ? null : await context.evidence.unfinishedBackfill({ server, plan, maxAgeMs: RETENTION_MS });
    if (before && sameOverflows((before.counts as Kept).overflows, overflows)) {
      // It may have begun since the look, and live.
      await refuseLiveRuns(context, { plan, owner, signal });
      const { id, cursor } = before;
      const tally = new Tally(before.counts as Kept);
      return new BackfillLedger(context, owner, { id, server, cursor, resumed: true, tally, overflows });
    }
    if (begin === "resumed") throw await whyNotResumed(context, plan, server);
    if (begin === "either") await refuseOtherPlaces(context, { plan, owner }, server);
    await abandonDead(context, plan, owner);
    const id = randomUUID();
    await claim(context, id, owner, CLAIM_MS);
    await context.evidence.startBackfill({ id, server, plan });
    // Another may have begun since the first look.
    await refuseLiveRuns(context, { plan, owner, id, signal }).catch(async (error: unknown) => {
      await context.evidence.endBackfill(id, "abandoned");
      throw error;
    });
    const tally = new Tally();
    const ledger = new BackfillLedger(context, owner, { id, server, cursor: "0", resumed: false, tally, overflows });
    // So that a run that ends before its first page is done can be gone on with too.
    ledger.mark(ledger.cursor);
    return ledger;
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
  async end(state: "finished" | "stopped" | "abandoned" | "undone"): Promise<void> {
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

/** Runs that nobody will go on with: while they count as unfinished, Postgres forgets no delete. */
async function abandonDead(context: BothStores, plan: BackfillPlan, owner: string): Promise<void> {
  for (const run of await context.evidence.openBackfills()) {
    const isTooOld = Date.now() - run.startedAt.getTime() > RETENTION_MS;
    if (!isTooOld && !sharesWith(run, plan)) continue;
    if (await claim(context, run.id, owner, 1)) await context.evidence.endBackfill(run.id, "abandoned");
  }
}
