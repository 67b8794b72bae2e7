/** Asks of some holders whether they have access, by what each store holds, and tells where the answers differ. */
import { type AccessResolution, resolveAccess } from "../../collections/access-check.js";
import { isPlaceholderAddress } from "../../collections/addresses.js";
import type { LegacyObject } from "../../collections/legacy-object.js";
import { parseHolder } from "../../collections/subscriptions.js";
import type { BoundRecords } from "../../engine/define-records.js";
import { hashKey } from "../../engine/events.js";
import { mapHit, type ReadOutcome } from "../../engine/outcome.js";
import type { StoreName } from "../../stores/state.js";
import type { BothStores, BoundCollection } from "../migration-context.js";
import { rest } from "../run/pace.js";
import { presentMoment } from "./second-look.js";
import { lookAtBoth, type Pair, stoodStill } from "./side-by-side.js";

/** What the access rule says; `undecided`: what stands can't be read. */
export type AccessAnswer =
  | { readonly hasAccess: boolean; readonly tierLevel: number; readonly status: string }
  | "undecided";

export interface AccessFindings {
  /** Holders that were asked about. */
  readonly asked: number;
  readonly differing: number;
  readonly examples: readonly {
    /** A hash, or the holder if keys were asked for. */
    readonly holder: string;
    readonly redis: AccessAnswer;
    readonly postgres: AccessAnswer;
  }[];
}

interface Difference {
  readonly id: string;
  readonly pair: Pair;
  readonly redis: AccessResolution;
  readonly postgres: AccessResolution;
}

/** Holders at most. */
const ASKED = 500;
const EXAMPLES = 5;
/** Between the two looks. Milliseconds. */
const APART_MS = 250;

export class AccessAnswers {
  readonly #context: BothStores;
  #holders: string[] = [];
  #met = 0;

  constructor(context: BothStores) {
    this.#context = context;
  }

  /** Keeps some of all the holders that it is told of, each as likely as the others. */
  meet(collection: BoundCollection, ids: readonly string[]): void {
    if (collection.name !== "subscriptions") return;
    for (const id of ids.filter(isSomebody)) {
      const place = this.#met < ASKED ? this.#met : Math.floor(Math.random() * (this.#met + 1));
      if (place < ASKED) this.#holders[place] = id;
      this.#met++;
    }
  }

  /** Looks twice at those whose answers differ. May be repeated. */
  async compare(showKeys: boolean, signal?: AbortSignal): Promise<AccessFindings> {
    const collection = this.#context.collections.find(({ name }) => name === "subscriptions");
    if (collection?.kind !== "records") return { asked: 0, differing: 0, examples: [] };
    const asked = [...new Set(this.#holders)];
    const first = await this.#differing(collection, asked);
    if (first.length > 0) await rest(APART_MS, signal);
    const before = new Map(first.map(({ id, pair }) => [id, pair]));
    const second = await this.#differing(collection, [...before.keys()]);
    const still = second.filter(({ id, pair }) => stoodStill(before.get(id) as Pair, pair));
    const examples = still.slice(0, EXAMPLES).map(({ id, redis, postgres }) => ({
      holder: showKeys ? id : hashKey(collection.name, id),
      redis: answerOf(redis),
      postgres: answerOf(postgres),
    }));
    return { asked: asked.length, differing: still.length, examples };
  }

  async #differing(collection: BoundRecords<LegacyObject>, ids: readonly string[]): Promise<Difference[]> {
    const pairs = await lookAtBoth(this.#context, collection, ids);
    const now = await presentMoment(this.#context);
    return ids.flatMap((id, i) => {
      const pair = pairs[i] as Pair;
      const resolve = (store: StoreName) => {
        const outcome = outcomeOf(collection, id, pair, store);
        const kind = parseHolder(id)?.kind;
        const user = kind === "user" ? { user: outcome } : {};
        const ip = kind === "ip" ? { ip: outcome } : {};
        return resolveAccess({ ...user, ...ip, emails: kind === "email" ? [outcome] : [] }, now, this.#context.zone);
      };
      const [redis, postgres] = [resolve("redis"), resolve("postgres")];
      return isSame(redis, postgres) ? [] : [{ id, pair, redis, postgres }];
    });
  }
}

function isSomebody(id: string): boolean {
  const holder = parseHolder(id);
  return holder !== null && !(holder.kind === "ip" && isPlaceholderAddress(holder.name));
}

function outcomeOf(
  collection: BoundRecords<LegacyObject>,
  id: string,
  pair: Pair,
  store: StoreName,
): ReadOutcome<LegacyObject> {
  const held = pair[store];
  if (held.kind === "unreadable") return { kind: "error", error: new Error(held.reason), store, fallback: false };
  if (held.kind !== "value" || !("bytes" in held)) return { kind: "miss", store, fallback: false };
  return mapHit({ kind: "hit", value: held.bytes, store, fallback: false }, (bytes) => collection.decode(id, bytes));
}

function isSame(a: AccessResolution, b: AccessResolution): boolean {
  if (a.kind === "undecided" || b.kind === "undecided") return a.kind === b.kind;
  return JSON.stringify(a.access) === JSON.stringify(b.access);
}

function answerOf(resolution: AccessResolution): AccessAnswer {
  if (resolution.kind === "undecided") return "undecided";
  const { hasAccess, tierLevel, status } = resolution.access;
  return { hasAccess, tierLevel, status };
}
