/** One pass over the keyspace: pages are read, copied and counted, one read ahead of the one that is copied. */

import { DistinctKeys } from "../keyspace/distinct-keys.js";
import { KeySorter } from "../keyspace/key-sorter.js";
import { type Listing, listPage, readStates, type States } from "../keyspace/keyspace-page.js";
import { NamePatterns } from "../keyspace/name-pattern.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { redisReign } from "../redis-authority.js";
import { Pace, rest } from "../run/pace.js";
import { type Patience, persist } from "../run/persist.js";
import { type BackfillProgress, RateMeter } from "../run/progress.js";
import type { BackfillLedger } from "./backfill-ledger.js";
import { carryDeletes } from "./carry-deletes.js";
import { copyPage, type KeyEnd } from "./copy-page.js";
import { RejectsList } from "./rejects-list.js";

export interface PassOptions extends Patience {
  readonly planned: ReadonlySet<string>;
  readonly pageSize: number;
  readonly rate: number | undefined;
  readonly onProgress: (progress: BackfillProgress) => void;
}

interface Page {
  readonly listing: Listing;
  readonly states: States;
}

/** How often the number of keys is asked for. Milliseconds. */
const TOTAL_MS = 5000;

export class BackfillPass {
  readonly #context: BothStores;
  readonly #ledger: BackfillLedger;
  readonly #options: PassOptions;
  readonly #sorter: KeySorter;
  readonly #distinct = new DistinctKeys();
  readonly #rejects: RejectsList;
  readonly #pace: Pace;
  readonly #meter = new RateMeter();
  #total = { keys: 0, at: Number.NEGATIVE_INFINITY };

  constructor(context: BothStores, ledger: BackfillLedger, options: PassOptions) {
    this.#context = context;
    this.#ledger = ledger;
    this.#options = options;
    this.#sorter = new KeySorter({
      collections: context.collections,
      prefix: context.prefix,
      patterns: new NamePatterns(context.prefix, ledger.tally.patterns),
      planned: options.planned,
      lookedThrough: new Set(Object.keys(ledger.overflows)),
    });
    this.#rejects = new RejectsList(context);
    this.#pace = new Pace({ rate: options.rate });
  }

  /** Whether no key was counted twice for want of memory. */
  get exact(): boolean {
    return this.#distinct.exact;
  }

  /**
   * Resolves at the end of the keyspace; true: it was reached, false: the signal stopped the pass after a page.
   * @throws ServerChangedError when Redis is another server by now
   */
  async run(): Promise<boolean> {
    const { signal } = this.#options;
    this.#meter.measure(this.#ledger.tally.scanned, 0);
    let cursor = this.#ledger.cursor;
    let ahead: Promise<Page> | null = null;
    let saved: Promise<void> = Promise.resolve();
    while (cursor !== null) {
      if (signal?.aborted) break;
      const began = performance.now();
      const page: Page = await (ahead ?? this.#read(cursor));
      cursor = page.listing.next;
      ahead = cursor === null ? null : this.#read(cursor);
      ahead?.catch(() => {}); // Met when it is awaited.
      await this.#copy(page);
      this.#ledger.mark(cursor);
      await saved;
      saved = persist("Keeping the place", this.#options, () => this.#ledger.save());
      saved.catch(() => {}); // Met when it is awaited.
      await this.tell("copy");
      await rest(this.#pace.restAfter(page.listing.scanned, performance.now() - began), signal).catch(() => {});
    }
    await saved;
    return cursor === null;
  }

  async tell(phase: BackfillProgress["phase"]): Promise<void> {
    const { tally } = this.#ledger;
    const now = performance.now();
    if (now - this.#total.at > TOTAL_MS) {
      const keys = await this.#context.redis
        .attempt(({ connection }) => connection.client.dbsize(), PAGE_MS)
        .catch(() => this.#total.keys);
      this.#total = { keys, at: now };
    }
    const total = Math.max(this.#total.keys, tally.scanned);
    const { rate, etaMs } = this.#meter.measure(tally.scanned, total - tally.scanned);
    const { counts, scanned } = tally;
    this.#options.onProgress({
      phase,
      scanned,
      seen: counts.seen,
      total,
      rate,
      etaMs: phase === "copy" ? etaMs : null,
      counts,
    });
  }

  async #read(cursor: string): Promise<Page> {
    const { pageSize } = this.#options;
    const listing = await persist("Listing Redis", this.#options, () =>
      listPage(this.#context, this.#sorter, this.#ledger.server, cursor, pageSize),
    );
    return { listing, states: await persist("Reading Redis", this.#options, () => this.#states(listing)) };
  }

  async #states(listing: Listing): Promise<States> {
    const { term } = await redisReign(this.#context);
    return readStates(this.#context, listing, term);
  }

  async #copy({ listing, states }: Page): Promise<void> {
    const { tally } = this.#ledger;
    const { ends, deletes } = await persist("Copying to Postgres", this.#options, async (repetition) => {
      const present = repetition === 0 ? states : await this.#states(listing);
      return {
        ends: await copyPage(this.#context, listing, present),
        deletes: await carryDeletes(this.#context, listing.companions, present.term),
      };
    });
    await persist("Writing the rejects list", this.#options, () => this.#rejects.keep(ends, "backfill"));
    tally.scanned += listing.scanned;
    tally.deletes += deletes;
    this.#count(listing, ends);
  }

  /** What was seen comes from the listing and how it ended from the copying, so that a forgotten key shows. */
  #count(listing: Listing, ends: readonly KeyEnd[]): void {
    const { tally } = this.#ledger;
    const fresh = new Set(listing.keys.filter((key) => this.#distinct.add(key)).map((key) => key.toString("latin1")));
    for (let seen = 0; seen < fresh.size; seen++) tally.see();
    for (const { key, of, ending } of ends) if (fresh.delete(key.toString("latin1"))) tally.end(ending.outcome, of);
  }
}
