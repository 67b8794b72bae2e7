/**
 * Looks a second time at what differed: only what stood still and no repair log explains is a difference. What moved and differs still
 * is looked at some times more, since it may differ for good by now.
 */
import { stampOf } from "../../engine/difference.js";
import { refusedValue } from "../../engine/refusals.js";
import type { KnownReject } from "../../stores/evidence.js";
import { otherStore, type StoreName } from "../../stores/state.js";
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";
import { rest } from "../run/pace.js";
import type { Finding, SetAside } from "./findings.js";
import { bytesOf, differenceOf, issueOf, lookAtBoth, type Pair, stoodStill } from "./side-by-side.js";

interface Candidate {
  readonly finding: Finding;
  readonly pair: Pair;
}

const NOTHING = Buffer.alloc(0);

/** Something differed at the first look, or at each look so far. */
export interface Suspect {
  readonly collection: BoundCollection;
  readonly id: string;
  /** As it was seen last. */
  readonly first: Pair;
  /** When it was looked at; a process's monotonic clock. */
  readonly at: number;
}

/** What became of suspects; of what passes and can't be told, the names of their collections. */
export interface Settled {
  readonly findings: readonly Finding[];
  /** The same by now, moving at each look, or explained by a repair log. */
  readonly passing: readonly string[];
  readonly setAside: readonly SetAside[];
  /** The repair log was too long to be read: what it explains isn't known. */
  readonly inconclusive: readonly string[];
}

/** What became of them at one look. */
interface Looked extends Settled {
  /** They differ, and not as they did at the look before. */
  readonly moving: readonly Suspect[];
}

/** At least this long between the looks. Milliseconds. */
const APART_MS = 250;
/** How often what moves is looked at, the first time included. */
const LOOKS = 4;
/** Entries of a repair log that are read. A longer log explains anything. */
const LOG_LIMIT = 20_000;

export class SecondLook {
  readonly #context: BothStores;
  readonly #authority: StoreName;

  constructor(context: BothStores, authority: StoreName) {
    this.#context = context;
    this.#authority = authority;
  }

  /** The first look: what differs. */
  suspects(collection: BoundCollection, ids: readonly string[], pairs: readonly Pair[], now: number): Suspect[] {
    return ids.flatMap((id, i) => {
      const first = pairs[i] as Pair;
      return differenceOf(collection, first, this.#authority, now) === null
        ? []
        : [{ collection, id, first, at: performance.now() }];
    });
  }

  /** The second look and those after it, each so long after the one before that what moves shows. May be repeated. */
  async settle(suspects: readonly Suspect[], signal?: AbortSignal): Promise<Settled> {
    const looks: Looked[] = [];
    let left = suspects;
    for (let n = 1; n < LOOKS && left.length > 0; n++) {
      const newest = Math.max(...left.map(({ at }) => at));
      await rest(Math.max(0, newest + APART_MS - performance.now()), signal);
      const moving: Suspect[] = [];
      for (const [collection, group] of byCollection(left)) {
        const looked = await this.#look(collection, group);
        looks.push(looked);
        moving.push(...looked.moving);
      }
      left = moving;
    }
    return {
      findings: looks.flatMap(({ findings }) => findings),
      passing: [...looks.flatMap(({ passing }) => passing), ...left.map(({ collection }) => collection.name)],
      setAside: looks.flatMap(({ setAside }) => setAside),
      inconclusive: looks.flatMap(({ inconclusive }) => inconclusive),
    };
  }

  async #look(collection: BoundCollection, suspects: readonly Suspect[]): Promise<Looked> {
    // Before the looks: an entry that is made later belongs to a write that the looks see as a movement.
    const logged = await this.#logged(collection);
    const ids = suspects.map(({ id }) => id);
    const [pairs, now] = await Promise.all([lookAtBoth(this.#context, collection, ids), presentMoment(this.#context)]);
    const candidates: Candidate[] = [];
    const passing: string[] = [];
    const moving: Suspect[] = [];
    for (const [i, { id, first }] of suspects.entries()) {
      const second = pairs[i] as Pair;
      const kind = differenceOf(collection, second, this.#authority, now);
      if (kind === null || logged === "all" || logged.has(id)) {
        passing.push(collection.name);
        continue;
      }
      if (!stoodStill(first, second)) {
        moving.push({ collection, id, first: second, at: performance.now() });
        continue;
      }
      const isInvalid = kind !== "type" && issueOf(collection, id, second.redis) !== null;
      candidates.push({
        finding: {
          kind: isInvalid ? "undecodable" : kind,
          collection: collection.name,
          id,
          key: collection.redisKey(id),
          redisStamp: stampOf(second.redis),
          postgresStamp: stampOf(second.postgres),
        },
        pair: second,
      });
    }
    const [findings, setAside] = await this.#withoutRejects(collection, candidates);
    return { findings, passing, moving, setAside, inconclusive: logged === "all" ? [collection.name] : [] };
  }

  /** What was set aside, and still is what it was, is no difference: it is on its list. */
  async #withoutRejects(
    collection: BoundCollection,
    candidates: readonly Candidate[],
  ): Promise<[Finding[], SetAside[]]> {
    const rejects = await this.#context.evidence.knownRejects(
      collection.name,
      candidates.map(({ finding }) => finding.key),
    );
    const findings: Finding[] = [];
    const setAside: SetAside[] = [];
    for (const { finding, pair } of candidates) {
      const known = rejects.get(finding.key);
      if (known && this.#explains(known, pair)) setAside.push({ collection: collection.name, reason: known.reason });
      else findings.push(finding);
    }
    return [findings, setAside];
  }

  #explains(known: KnownReject, { redis, postgres }: Pair): boolean {
    // What the mirror refused, and the authority still says: a value, a counter's sum, or a delete.
    const mine = this.#authority === "redis" ? redis : postgres;
    if (known.source === "drain" && isSame(refusedValue(mine), known.value)) return true;
    // What Postgres decides is no less true for something odd in the mirror.
    if (this.#authority === "postgres" && postgres.kind === "value") return false;
    return redis.kind === "unreadable" || (bytesOf(redis)?.equals(known.value ?? NOTHING) ?? false);
  }

  /** Ids that either log has an entry of. */
  async #logged(collection: BoundCollection): Promise<ReadonlySet<string> | "all"> {
    const logs = await Promise.all(
      [this.#authority, otherStore(this.#authority)].map((name) =>
        this.#context[name].attempt((store) => store.readLog(collection, LOG_LIMIT), PAGE_MS),
      ),
    );
    if (logs.some((log) => log.length === LOG_LIMIT)) return "all";
    return new Set(logs.flat().map(({ id }) => id));
  }
}

function isSame(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

/** The later of the two servers' clocks. */
export async function presentMoment(context: BothStores): Promise<number> {
  const clocks = await Promise.all([
    context.redis.attempt((store) => store.now(), PAGE_MS),
    context.postgres.attempt((store) => store.now(), PAGE_MS),
  ]);
  return Math.max(...clocks);
}

/** SCAN may give a key more than once: what was met in several pages is one suspect, as it was first seen. */
function byCollection(suspects: readonly Suspect[]): Map<BoundCollection, Suspect[]> {
  const groups = new Map<BoundCollection, Map<string, Suspect>>();
  for (const suspect of suspects) {
    const group = groups.get(suspect.collection) ?? new Map<string, Suspect>();
    groups.set(suspect.collection, group);
    if (!group.has(suspect.id)) group.set(suspect.id, suspect);
  }
  return new Map([...groups].map(([collection, group]) => [collection, [...group.values()]]));
}
