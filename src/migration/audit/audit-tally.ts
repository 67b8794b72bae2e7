/** Collects what an audit saw, in memory that doesn't grow with the number of keys. */
import { ValidationError } from "../../errors.js";
import type { AuditProgress, ResolvedAudit } from "./audit-options.js";
import { GrantCount } from "./grant-count.js";
import type { KeyClass, KeyClasses, PatternInfo } from "./key-classes.js";
import { labelOf, withoutPersonal } from "./key-label.js";
import type { KeyFacts } from "./key-reader.js";
import { PatternCount } from "./pattern-count.js";
import { TopList } from "./top-list.js";

/** A key that a person may want to look at. */
export interface NamedKey {
  /** Masked unless asked for. */
  readonly label: string;
  readonly pattern: string;
  readonly type: string;
  /** A string's length, or what Redis says that everything else takes in memory; null: unknown. */
  readonly bytes: number | null;
  /** Of a hash, list, set or stream. */
  readonly elements: number | null;
  readonly ttlMs: number | null;
  readonly idleSeconds: number | null;
}

/** A key of a page with all that was found out about it. */
export interface Sighting {
  readonly facts: KeyFacts;
  readonly what: KeyClass;
  readonly count: PatternCount;
}

export type Totals = Pick<AuditProgress, "total"> & { readonly now: number };

/** What stands in a value whose collection can't read it. Characters. */
const LONGEST_REASON = 200;
/** Strings above this are measured in any case; so is everything but strings, whose elements tell nothing of their size. */
const GREAT = 64 * 1024;

export class AuditTally {
  readonly #classes: KeyClasses;
  readonly #options: ResolvedAudit;
  readonly #every: number;
  readonly #counts = new Map<PatternInfo, PatternCount>();
  readonly #largest: TopList<NamedKey>;
  readonly #oldest: TopList<NamedKey>;
  readonly grants: GrantCount;
  /** Keys whose values were too long to be looked at. */
  tooLong = 0;
  /** Keys whose values were looked at. */
  looked = 0;

  constructor(classes: KeyClasses, options: ResolvedAudit, { total, now }: Totals, zone: string) {
    this.#classes = classes;
    this.#options = options;
    this.#every = options.sample === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(total / options.sample));
    this.#largest = new TopList(options.top);
    this.#oldest = new TopList(options.top);
    this.grants = new GrantCount(now, zone);
    for (const info of classes.planned()) this.#countOf(info);
  }

  see(facts: KeyFacts): Sighting {
    const what = this.#classes.of(facts.key);
    const sighting = { facts, what, count: this.#countOf(what.info) };
    sighting.count.add(facts, what.isOtherSpelling);
    const { expected } = what.info;
    if (what.odd) this.#odd(sighting, what.odd);
    else if (expected !== null && facts.type !== expected) {
      this.#odd(sighting, `another Redis type: ${facts.type} instead of ${expected}`);
      if (this.#isGrant(what)) this.grants.addUnreadable();
    }
    const idle = facts.idleSeconds;
    const length = facts.type === "string" ? facts.size : null;
    if (idle !== null && this.#oldest.admits(idle)) this.#oldest.add(idle, this.#named(sighting, length));
    if (length !== null) this.#weigh(sighting, length);
    return sighting;
  }

  /** Whether its memory is to be measured. Asked once for each key. */
  wantsMemory({ facts, count }: Sighting): boolean {
    return count.sample.wants(isGreat(facts));
  }

  measured(sighting: Sighting, bytes: number): void {
    sighting.count.sample.add(bytes, isGreat(sighting.facts));
    if (sighting.facts.type !== "string") this.#weigh(sighting, bytes);
  }

  /** Whether its value is to be looked at. */
  wantsValue({ facts, what }: Sighting): boolean {
    if (what.record === null || facts.type !== "string") return false;
    return this.#options.checkValues || what.info.priority === "critical";
  }

  /** `bytes`: the value. */
  look(sighting: Sighting, bytes: Buffer): void {
    this.looked++;
    const { record } = sighting.what;
    if (record === null) return;
    const { collection, id } = record;
    try {
      if (collection.kind === "counters") {
        checkCounter(bytes);
        return;
      }
      if (this.#isGrant(sighting.what)) this.grants.add(id, collection.decode(id, bytes));
      collection.project(id, bytes);
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      this.#odd(sighting, this.#reasonOf(error));
      if (this.#isGrant(sighting.what)) this.grants.addUnreadable();
    }
  }

  get counts(): readonly PatternCount[] {
    return [...this.#counts.values()];
  }

  get largest(): readonly NamedKey[] {
    return this.#largest.items;
  }

  get oldest(): readonly NamedKey[] {
    return this.#oldest.items;
  }

  #countOf(info: PatternInfo): PatternCount {
    const known = this.#counts.get(info);
    if (known) return known;
    const count = new PatternCount(info, this.#every);
    this.#counts.set(info, count);
    return count;
  }

  #isGrant({ record, info }: KeyClass): boolean {
    return info.collection === "subscriptions" && record !== null && GrantCount.isGrant(record.id);
  }

  #weigh(sighting: Sighting, bytes: number): void {
    if (this.#largest.admits(bytes)) this.#largest.add(bytes, this.#named(sighting, bytes));
  }

  #odd({ facts, what, count }: Sighting, reason: string): void {
    count.addOdd(reason, () => labelOf(facts.key, what.info.pattern, this.#options.showPersonal));
  }

  #named({ facts, what }: Sighting, bytes: number | null): NamedKey {
    const { pattern } = what.info;
    return {
      label: labelOf(facts.key, pattern, this.#options.showPersonal),
      pattern,
      type: facts.type,
      bytes,
      elements: facts.type === "string" ? null : facts.size,
      ttlMs: facts.ttlMs,
      idleSeconds: facts.idleSeconds,
    };
  }

  /** A schema of the user's may quote the value in its message. */
  #reasonOf({ issues }: ValidationError): string {
    const text = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
    const plain = text.replaceAll(/\s+/g, " ").trim().slice(0, LONGEST_REASON);
    return this.#options.showPersonal ? plain : withoutPersonal(plain);
  }
}

function isGreat({ type, size }: KeyFacts): boolean {
  return type !== "string" || (size ?? 0) >= GREAT;
}

/** @throws ValidationError for what the counter scripts refuse */
function checkCounter(bytes: Buffer): void {
  const text = bytes.toString("latin1");
  if (/^\d+$/.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER) return;
  throw new ValidationError([{ path: "", message: "the counter is not a whole number between 0 and 2^53 - 1" }]);
}
