/** One pass over the keyspace: pages are read, copied and counted, one read ahead of the one that is copied. */

import { DistinctKeys } from "../keyspace/distinct-keys.js";
import { KeySorter } from "../keyspace/key-sorter.js";
import {
  bytesOf,
  type Listing,
  listPage,
  readRest,
  readStates,
  type States,
  sizeOf,
} from "../keyspace/keyspace-page.js";
import { NamePatterns } from "../keyspace/name-pattern.js";
import { PageSize } from "../keyspace/page-size.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { redisReign } from "../redis-authority.js";
import { met } from "../run/met.js";
import { Pace, rest } from "../run/pace.js";
import { persist } from "../run/persist.js";
import { type BackfillProgress, RateMeter } from "../run/progress.js";
import type { ResolvedRun } from "../run/run-options.js";
import type { Samples } from "../run/samples.js";
import type { BackfillLedger } from "./backfill-ledger.js";
import { carryDeletes } from "./carry-deletes.js";
import type { KeyEnd } from "./copy-page.js";
import { RejectsList } from "./rejects-list.js";

export interface PassOptions extends ResolvedRun {
  readonly planned: ReadonlySet<string>;
  readonly pattern: string | undefined;
  /** Pages worked on at once. */
  readonly concurrency: number;
  /** What becomes of a page's keys. */
  readonly bring: (listing: Listing, states: States) => Promise<KeyEnd[]>;
  /** Keys set aside at most. */
  readonly maxRejects: number;
  readonly samples: Samples | null;
  readonly onProgress: (progress: BackfillProgress) => void;
}

/** More was set aside than the run may. */
export class RejectLimitError extends Error {
  override readonly name = "RejectLimitError";
}

interface Page {
  readonly listing: Listing;
  readonly states: States;
}

/** A page whose keys have their ends. */
interface Brought {
  readonly listing: Listing;
  readonly ends: readonly KeyEnd[];
  /** Of great values: the rejects list has those that were set aside. */
  readonly greatEnds: readonly KeyEnd[];
  readonly deletes: number;
}

/** What a page's rest is brought with: all else of the page was. */
const NOTHING_ELSE = { variants: [], ignored: [], odd: [], hasStatistics: false } as const;

/** How often the number of keys is asked for. Milliseconds. */
const TOTAL_MS = 5000;

export class BackfillPass {
  readonly #context: BothStores;
  readonly #ledger: BackfillLedger;
  readonly #options: PassOptions;
  readonly #sorter: KeySorter;
  #distinct = new DistinctKeys();
  readonly #rejects: RejectsList;
  readonly #pace: Pace;
  readonly #pageSize: PageSize;
  readonly #meter = new RateMeter();
  /** Ends when no great value is at work. */
  #great: Promise<unknown> = Promise.resolve();
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
    this.#pace = new Pace(options);
    this.#pageSize = new PageSize(options.pageSize, this.#pace);
  }

  /** Whether no key was counted twice for want of memory. */
  get exact(): boolean {
    return this.#distinct.exact;
  }

  /**
   * Resolves at the end of the keyspace; true: it was reached, false: the signal stopped the pass after a page.
   * @throws ServerChangedError when Redis is another server by now
   */
  run(): Promise<boolean> {
    const { redis, postgres } = this.#context;
    return this.#pace.during([redis.store, postgres.store], () => this.#run());
  }

  async #run(): Promise<boolean> {
    const { signal } = this.#options;
    this.#meter.measure(this.#ledger.tally.scanned, 0);
    this.#distinct = DistinctKeys.expecting(await persist("Counting", this.#options, () => this.#size()));
    let { cursor } = this.#ledger;
    let reading: Promise<Page> | null = cursor === null ? null : met(this.#read(cursor));
    let saved: Promise<void> = Promise.resolve();
    const bringing: Promise<Brought>[] = [];
    try {
      for (;;) {
        const began = performance.now();
        while (reading !== null && !signal?.aborted && bringing.length < this.#options.concurrency) {
          const page: Page = await reading;
          reading = page.listing.next === null ? null : met(this.#read(page.listing.next));
          bringing.push(met(this.#bring(page)));
        }
        // In the order of the keyspace, so that everything before a mark is done.
        const oldest = bringing.shift();
        if (!oldest) break;
        const { listing, ...brought } = await oldest;
        await this.#count({ listing, ...brought });
        cursor = listing.next;
        this.#ledger.mark(cursor);
        await saved;
        saved = met(persist("Keeping the place", this.#options, () => this.#ledger.save()));
        await this.tell("copy");
        await rest(this.#pace.restAfter(listing.scanned, performance.now() - began), signal).catch(() => {});
      }
      await saved;
    } finally {
      // Whoever takes back what the run brought must know that nothing more comes.
      await Promise.allSettled(bringing);
    }
    return cursor === null;
  }

  async tell(phase: BackfillProgress["phase"]): Promise<void> {
    const { tally } = this.#ledger;
    const now = performance.now();
    if (now - this.#total.at > TOTAL_MS) {
      const keys = await this.#size().catch(() => this.#total.keys);
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

  #size(): Promise<number> {
    return this.#context.redis.attempt(({ connection }) => connection.client.dbsize(), PAGE_MS);
  }

  async #read(cursor: string): Promise<Page> {
    const { pattern } = this.#options;
    const count = this.#pageSize.keys;
    const listing = await persist("Listing Redis", this.#options, () =>
      listPage(this.#context, this.#sorter, this.#ledger.server, cursor, { count, pattern }),
    );
    const states = await persist("Reading Redis", this.#options, () => this.#states(listing));
    this.#pageSize.met(listing.scanned - sizeOf(states.rest), bytesOf(states));
    return { listing, states };
  }

  async #states(listing: Listing): Promise<States> {
    const { term } = await redisReign(this.#context);
    return readStates(this.#context, listing, term);
  }

  async #bring({ listing, states }: Page): Promise<Brought> {
    const { rest, ...brought } = await persist("Copying to Postgres", this.#options, async (repetition) => {
      const present = repetition === 0 ? states : await this.#states(listing);
      return {
        listing,
        rest: present.rest,
        ends: await this.#options.bring(listing, present),
        deletes: await carryDeletes(this.#context, listing.companions, present.term),
      };
    });
    if (rest.size === 0) return { ...brought, greatEnds: [] };
    const bringing = this.#great.then(() => this.#bringRest(listing, rest));
    this.#great = met(bringing).catch(() => {});
    return { ...brought, greatEnds: await bringing };
  }

  /** Great values one after another, whatever is worked on beside: each takes many times its size while it is written. */
  async #bringRest(listing: Listing, rest: States["rest"]): Promise<KeyEnd[]> {
    const all: KeyEnd[] = [];
    for (let left = rest; left.size > 0; ) {
      const { ends, after } = await persist("Copying to Postgres", this.#options, async () => {
        const { term } = await redisReign(this.#context);
        const some = await readRest(this.#context, left, term);
        return { ends: await this.#options.bring({ ...listing, ...NOTHING_ELSE }, some), after: some.rest };
      });
      await persist("Writing the rejects list", this.#options, () => this.#rejects.keep(ends, "backfill"));
      all.push(...ends.map(withoutValue));
      left = after;
    }
    return all;
  }

  /** What was seen comes from the listing and how it ended from the copying, so that a forgotten key shows. */
  async #count({ listing, ends, greatEnds, deletes }: Brought): Promise<void> {
    const { tally } = this.#ledger;
    await persist("Writing the rejects list", this.#options, () => this.#rejects.keep(ends, "backfill"));
    tally.scanned += listing.scanned;
    tally.deletes += deletes;
    const fresh = new Set(listing.keys.filter((key) => this.#distinct.add(key)).map((key) => key.toString("latin1")));
    for (let seen = 0; seen < fresh.size; seen++) tally.see();
    for (const end of [...ends, ...greatEnds]) {
      if (!fresh.delete(end.key.toString("latin1"))) continue;
      tally.end(end.ending.outcome, end.of);
      this.#options.samples?.add(end);
    }
    const { maxRejects } = this.#options;
    if (tally.counts.setAside > maxRejects)
      throw new RejectLimitError(
        `More than ${maxRejects} values aren't what their collection allows. Look at the rejects list; then raise the limit, or correct what writes them.`,
      );
  }
}

function withoutValue(end: KeyEnd): KeyEnd {
  return end.ending.outcome === "setAside" ? { ...end, ending: { ...end.ending, value: null } } : end;
}
