/** Heals what a verify found: the mirror becomes as the authority is. */
import type { Reign } from "../../engine/term-view.js";
import type { KeyEnd } from "../backfill/copy-page.js";
import { RejectsList } from "../backfill/rejects-list.js";
import type { VariantKey } from "../keyspace/keyspace-page.js";
import { mergeVariants } from "../merge/merge-variants.js";
import type { BothStores, BoundCollection } from "../migration-context.js";
import { type Ending, ended, setAside } from "../run/ending.js";
import type { Finding, Findings } from "./findings.js";
import { repairCounters } from "./repair-counters.js";
import { repairRecords } from "./repair-records.js";
import { presentMoment } from "./second-look.js";
import { bytesOf, differenceOf, issueOf, laterStamp, lookAtBoth, type Pair } from "./side-by-side.js";

const REPLACED = "it stood in Redis beside what Postgres had decided, and a repair replaced it";

export class Repair {
  readonly #context: BothStores;
  readonly #reign: Reign;
  readonly #findings: Findings;
  readonly #rejects: RejectsList;

  constructor(context: BothStores, reign: Reign, findings: Findings) {
    this.#context = context;
    this.#reign = reign;
    this.#findings = findings;
    this.#rejects = new RejectsList(context);
  }

  /**
   * Counts as repaired what is the same in both stores afterwards, and what is on the rejects list. May be repeated.
   * @throws FencedError when the reign has ended
   */
  async heal(found: readonly Finding[], variants: readonly VariantKey[]): Promise<void> {
    const ends: KeyEnd[] = [];
    const inRecords = found.filter(({ kind, isOdd }) => kind !== "unmerged" && !isOdd);
    for (const collection of this.#context.collections) {
      const ids = inRecords.flatMap((finding) => (finding.collection === collection.name ? [finding.id] : []));
      if (ids.length > 0) ends.push(...(await this.#healIds(collection, ids)));
    }
    if (this.#reign.authority === "redis") ends.push(...(await this.#merge(variants)));
    // Nothing but a place on the rejects list can be given to these.
    for (const { key, collection } of found.filter(({ isOdd }) => isOdd))
      ends.push(endOf(key, collection, setAside("the key can't be one of this collection", null)));
    await this.#rejects.keep(ends, "verify");
    for (const { of } of ends) this.#findings.repaired(of, 1);
  }

  /** The ends of those that are repaired. */
  async #healIds(collection: BoundCollection, ids: readonly string[]): Promise<KeyEnd[]> {
    await this.#keepReplaced(collection, ids);
    await (collection.kind === "records"
      ? repairRecords(this.#context, collection, ids, this.#reign)
      : repairCounters(this.#context, collection, ids, this.#reign));
    const [pairs, now] = await Promise.all([lookAtBoth(this.#context, collection, ids), presentMoment(this.#context)]);
    return ids.flatMap((id, i) => {
      const pair = pairs[i] as Pair;
      const reason = pair.redis.kind === "unreadable" ? pair.redis.reason : issueOf(collection, id, pair.redis);
      const isTruth = this.#reign.authority === "redis" || pair.postgres.kind !== "value";
      if (reason !== null && isTruth)
        return [
          endOf(collection.redisKey(id), collection.name, setAside(reason, bytesOf(pair.redis), laterStamp(pair))),
        ];
      const isEqual = differenceOf(collection, pair, this.#reign.authority, now) === null;
      return isEqual ? [endOf(collection.redisKey(id), collection.name, ended("copied", laterStamp(pair)))] : [];
    });
  }

  /** What bypass writers left in the mirror is replaced by what Postgres decided; its bytes go to the rejects list first. */
  async #keepReplaced(collection: BoundCollection, ids: readonly string[]): Promise<void> {
    if (this.#reign.authority === "redis" || collection.kind !== "records") return;
    const pairs = await lookAtBoth(this.#context, collection, ids);
    const replaced = ids.flatMap((id, i) => {
      const pair = pairs[i] as Pair;
      const value = bytesOf(pair.redis);
      if (value === null || bytesOf(pair.postgres)?.equals(value)) return [];
      const key = collection.redisKey(id);
      return [{ collection: collection.name, key, reason: REPLACED, value, source: "repair", stamp: laterStamp(pair) }];
    });
    if (replaced.length > 0) await this.#context.evidence.setAside(replaced);
  }

  async #merge(variants: readonly VariantKey[]): Promise<KeyEnd[]> {
    const endings = await mergeVariants(this.#context, variants, this.#reign.term);
    return variants.map(({ key, collection }, i) => endOf(key, collection.name, endings[i] as Ending));
  }
}

function endOf(key: string, of: string, ending: Ending): KeyEnd {
  return { key: Buffer.from(key), of, ending };
}
