/** One comparison of everything: Redis's keyspace against Postgres, then Postgres's rows against Redis. */

import type { BoundRecords } from "../../engine/define-records.js";
import type { Reign } from "../../engine/term-view.js";
import { FencedError } from "../../errors.js";
import type { HeldCounter, HeldRecord, Page } from "../../stores/store.js";
import type { KeySorter } from "../keyspace/key-sorter.js";
import { keyText } from "../keyspace/key-text.js";
import { keysThere } from "../keyspace/keys-there.js";
import type { Listing, VariantKey } from "../keyspace/keyspace-page.js";
import { PageSize } from "../keyspace/page-size.js";
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";
import { met } from "../run/met.js";
import { type Pace, rest } from "../run/pace.js";
import { type Patience, persist } from "../run/persist.js";
import type { Finding, Findings, SetAside } from "./findings.js";
import { listRedisPage, lookAtPage, lookAtRest, type RedisPage, restOf, sizeOf } from "./redis-page.js";
import type { Takes } from "./sample.js";
import { presentMoment, SecondLook, type Suspect } from "./second-look.js";
import { look, type Pair } from "./side-by-side.js";
import { findUnmerged, stillUnmerged, type Unmerged } from "./unmerged-variants.js";

export interface VerifyPassOptions extends Patience {
  readonly reign: Reign;
  readonly server: string;
  readonly sorter: KeySorter;
  readonly collections: readonly BoundCollection[];
  /** Whether a record is compared. */
  readonly takes: Takes;
  readonly pageSize: number;
  readonly pace: Pace;
  readonly findings: Findings;
  /** Told which records and counters were looked at. */
  readonly onLook: (collection: BoundCollection, ids: readonly string[]) => void;
  /** Told of what differs for good. */
  readonly onFindings: (found: readonly Finding[], variants: readonly VariantKey[]) => Promise<void>;
  readonly onPage: (phase: VerifyPhase, keys: number) => void;
}

export type VerifyPhase = "redis" | "postgres";

/** What differed at the first look is gathered to this number before it is looked at again. */
const BATCH = 500;
/** Or until its values are so much together. Bytes. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** At least this long between two looks. Milliseconds. */
const APART_MS = 250;

export class VerifyPass {
  readonly #context: BothStores;
  readonly #options: VerifyPassOptions;
  readonly #second: SecondLook;
  #suspects: Suspect[] = [];
  #unmerged: Unmerged[] = [];
  #odd: Listing["odd"][number][] = [];

  constructor(context: BothStores, options: VerifyPassOptions) {
    this.#context = context;
    this.#options = options;
    this.#second = new SecondLook(context, options.reign.authority);
  }

  /** @throws the signal's reason; FencedError when the authority moved; ServerChangedError */
  async run(): Promise<void> {
    await this.#redisSide();
    for (const collection of this.#options.collections) await this.#postgresSide(collection);
    await this.#settle();
  }

  /** The next page is read while one is compared. */
  async #redisSide(): Promise<void> {
    const { findings, onLook } = this.#options;
    const size = new PageSize(this.#options.pageSize, this.#options.pace);
    let reading: Promise<RedisPage> | null = met(this.#read("0", size.keys));
    while (reading !== null) {
      const began = performance.now();
      const page: RedisPage = await reading;
      reading = page.next === null ? null : met(this.#read(page.next, size.keys));
      const { suspects, unmerged, bytes } = await this.#persist("Comparing", () => this.#compare(page));
      const rest = restOf(page);
      size.met(
        rest.reduce((keys, [, ids]) => keys - ids.length, page.scanned),
        bytes,
      );
      for (const [collection, ids] of [...page.records, ...page.counters]) {
        findings.compared(collection.name, ids.length);
        onLook(collection, ids);
      }
      for (const { collection } of [...page.variants, ...page.odd]) findings.compared(collection.name, 1);
      this.#suspects.push(...suspects);
      this.#unmerged.push(...unmerged);
      this.#odd.push(...page.odd);
      for (const [collection, ids] of rest) await this.#compareRest(collection, ids);
      await this.#afterPage("redis", page.scanned, began);
    }
  }

  #read(cursor: string, count: number): Promise<RedisPage> {
    return this.#persist("Listing Redis", () => listRedisPage(this.#context, this.#options, cursor, count));
  }

  async #compare(page: RedisPage) {
    const now = await presentMoment(this.#context);
    const looked = await lookAtPage(this.#context, page);
    return {
      suspects: looked.flatMap(({ collection, ids, pairs }) => this.#second.suspects(collection, ids, pairs, now)),
      bytes: looked.reduce((sum, { pairs }) => sum + sizeOf(pairs.map(({ redis }) => redis)), 0),
      unmerged: await findUnmerged(this.#context, page.variants),
    };
  }

  async #compareRest(collection: BoundRecords<unknown>, rest: readonly string[]): Promise<void> {
    for (let left = rest; left.length > 0; ) {
      const { ids, suspects } = await this.#persist("Comparing", async () => {
        const now = await presentMoment(this.#context);
        const { ids, pairs } = await lookAtRest(this.#context, collection, left);
        return { ids, suspects: this.#second.suspects(collection, ids, pairs, now) };
      });
      this.#suspects.push(...suspects);
      await this.#settleMany();
      left = left.slice(ids.length);
    }
  }

  /** Only what Redis hasn't got: the rest was compared from the other side. */
  async #postgresSide(collection: BoundCollection): Promise<void> {
    const { takes, findings, onLook } = this.#options;
    const size = new PageSize(this.#options.pageSize, this.#options.pace);
    let after: string | null = null;
    do {
      const began = performance.now();
      const at: string | null = after;
      const { page, alone, now } = await this.#persist("Comparing", async () => {
        const rows = await this.#pageOf(collection, at, size.keys);
        size.met(rows.items.length, sizeOf(rows.items.map(({ held }) => held)));
        const live = rows.items.filter(({ id, held }) => held.kind === "value" && takes(collection, id));
        const ids = live.map(({ id }) => id);
        const there = await keysThere(this.#context, collection, ids);
        const theirs = there === ids.length ? [] : await look(this.#context, "redis", collection, ids);
        const unanswered = live.slice(0, theirs.length).flatMap(({ id, held }, i) => {
          const redis = theirs[i] as Pair["redis"];
          return redis.kind === "value" || redis.kind === "unreadable" ? [] : [{ id, pair: { redis, postgres: held } }];
        });
        return { page: rows, alone: unanswered, now: await presentMoment(this.#context) };
      });
      const ids = alone.map(({ id }) => id);
      findings.compared(collection.name, ids.length);
      onLook(collection, ids);
      this.#suspects.push(
        ...this.#second.suspects(
          collection,
          ids,
          alone.map(({ pair }) => pair),
          now,
        ),
      );
      await this.#afterPage("postgres", page.items.length, began);
      after = page.next;
    } while (after !== null);
  }

  #pageOf(
    collection: BoundCollection,
    after: string | null,
    limit: number,
  ): Promise<Page<{ id: string; held: HeldRecord | HeldCounter }>> {
    const { postgres } = this.#context;
    return collection.kind === "records"
      ? postgres.attempt((store) => store.pageRecords(collection, after, limit), PAGE_MS)
      : postgres.attempt((store) => store.pageCounters(collection, after, limit), PAGE_MS);
  }

  async #afterPage(phase: VerifyPhase, keys: number, began: number): Promise<void> {
    const { signal, pace, onPage } = this.#options;
    signal?.throwIfAborted();
    onPage(phase, keys);
    await this.#settleMany();
    await rest(pace.restAfter(keys, performance.now() - began), signal);
  }

  async #settleMany(): Promise<void> {
    const number = this.#suspects.length + this.#unmerged.length + this.#odd.length;
    const bytes = sizeOf(this.#suspects.flatMap(({ first }) => [first.redis, first.postgres]));
    if (number >= BATCH || bytes >= BATCH_BYTES) await this.#settle();
  }

  async #settle(): Promise<void> {
    const { signal, findings, onFindings } = this.#options;
    const [suspects, unmerged, odd] = [this.#suspects.splice(0), this.#unmerged.splice(0), this.#odd.splice(0)];
    const looked = performance.now();
    const settled = await this.#persist("Looking a second time", () => this.#second.settle(suspects, signal));
    if (unmerged.length > 0) await rest(Math.max(0, looked + APART_MS - performance.now()), signal);
    const variants = await this.#persist("Looking a second time", () => stillUnmerged(this.#context, unmerged));
    const odds = await this.#persist("Looking a second time", () => this.#oddFindings(odd));
    for (const name of settled.passing) findings.passing(name, 1);
    for (const name of settled.inconclusive) findings.inconclusive(name);
    for (const one of [...settled.setAside, ...variants.setAside, ...odds.setAside]) findings.setAside(one);
    const all = [...settled.findings, ...variants.findings, ...odds.findings];
    for (const finding of all) findings.add(finding);
    if (all.length > 0) await this.#persist("Repairing", () => onFindings(all, variants.variants));
  }

  async #oddFindings(odd: readonly Listing["odd"][number][]): Promise<{ findings: Finding[]; setAside: SetAside[] }> {
    const findings: Finding[] = [];
    const setAside: SetAside[] = [];
    for (const { key, collection } of odd) {
      const text = keyText(key);
      const known = (await this.#context.evidence.knownRejects(collection.name, [text])).get(text);
      if (known) setAside.push({ collection: collection.name, reason: known.reason });
      else
        findings.push({
          kind: "undecodable",
          collection: collection.name,
          id: text,
          key: text,
          redisStamp: null,
          postgresStamp: null,
          isOdd: true,
        });
    }
    return { findings, setAside };
  }

  /** A term that ends is no outage to wait for: what was compared under it may not be compared any more. */
  #persist<T>(what: string, step: () => Promise<T>): Promise<T> {
    return persist(what, this.#options, () =>
      step().catch((error) => Promise.reject(error instanceof FencedError ? new AuthorityMovedError(error) : error)),
    );
  }
}

/** The authority moved while its truth was compared with the mirror's. */
export class AuthorityMovedError extends Error {
  override readonly name = "AuthorityMovedError";
  constructor(cause: unknown) {
    super("The authority moved.", { cause });
  }
}
