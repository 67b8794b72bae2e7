/** Copies a page of counters from Redis, the authority, to Postgres: nothing that was counted since is lost. */
import { FencedError } from "../../errors.js";
import type { CounterState } from "../../stores/state.js";
import type { ApplyResult, HeldCounter } from "../../stores/store.js";
import type { CounterPage } from "../keyspace/counter-page.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { checkReply } from "../redis-authority.js";
import { type Ending, ended, setAside } from "../run/ending.js";
import { grown, marked } from "./run-mark.js";

type Standing = Extract<HeldCounter, { kind: "value" }>;

/**
 * One ending for each id of the page. `now` is Postgres's clock; `mark` is left on rows of counters that the library never wrote,
 * see run-mark.ts.
 * @throws FencedError when the page's term has ended: read it again
 */
export async function copyCounterPage(
  context: BothStores,
  page: CounterPage,
  now: number,
  mark?: string,
): Promise<Ending[]> {
  const { collection, ids } = page;
  const mirrored = await context.postgres.attempt((store) => store.inspectCounters(collection, ids), PAGE_MS);
  const endings = new Map<string, Ending>();
  const messages = new Map<string, CounterState>();
  const changed: string[] = [];
  for (const [i, id] of ids.entries()) {
    const held = page.held[i] as HeldCounter;
    const theirs = mirrored.held[i] as HeldCounter;
    if (held.kind === "unreadable")
      endings.set(id, setAside(held.reason, await rawValue(context, collection.redisKey(id))));
    else if (held.kind === "absent" || (held.expiresAt !== null && held.expiresAt <= now))
      endings.set(id, ended("expired"));
    else if (isMirrored(held, theirs)) endings.set(id, ended("unchanged", held.stamp));
    else if (held.stamp > 0 || mayGrow(held, theirs))
      messages.set(id, theirs.kind === "value" ? grown(held, mark) : marked(held, mark));
    else changed.push(id);
  }
  for (const [id, state] of await adopt(context, page, changed)) {
    if (state) messages.set(id, state);
    else endings.set(id, ended("expired"));
  }
  for (const [id, result] of await apply(context, page, messages)) {
    // Kept although it is the present state: its own writer told Postgres before.
    const isNewer = result.kind === "kept" && changed.includes(id);
    endings.set(id, isNewer ? ended("newer", result.stamp) : endingOf(result, messages.get(id) as CounterState));
  }
  return ids.map((id) => endings.get(id) as Ending);
}

function sum({ redisPart, postgresPart }: CounterState): number {
  return redisPart + postgresPart;
}

function sameMoment(a: number | null, b: number | null): boolean {
  return a === b || (a !== null && b !== null && Math.abs(a - b) <= 1);
}

function isMirrored(held: Standing, theirs: HeldCounter): boolean {
  return (
    theirs.kind === "value" &&
    theirs.generation === held.generation &&
    theirs.redisPart === held.redisPart &&
    theirs.postgresPart === held.postgresPart &&
    theirs.stamp >= held.stamp &&
    sameMoment(theirs.expiresAt, held.expiresAt)
  );
}

/** Whether the merge takes a counter that was never stamped as it is: nothing was told of it, or it grew and nothing else. */
function mayGrow(held: Standing, theirs: HeldCounter): boolean {
  if (theirs.kind !== "value") return theirs.kind === "absent" && !theirs.last;
  return (
    theirs.generation === 0 &&
    theirs.stamp === 0 &&
    sum(theirs) <= sum(held) &&
    sameMoment(theirs.expiresAt, held.expiresAt)
  );
}

/** A bypass writer began these anew, or gave them another expiry, since an earlier run: the next generation wins whole. Null: gone. */
async function adopt(
  context: BothStores,
  { collection, term }: CounterPage,
  ids: readonly string[],
): Promise<Map<string, CounterState | null>> {
  if (ids.length === 0) return new Map();
  const { fence, held } = await context.redis.attempt(
    (store) => store.inspectCounters(collection, ids, { term, mode: "bare" }),
    PAGE_MS,
  );
  checkReply(context, fence, term);
  return new Map(
    ids.map((id, i) => {
      const one = held[i] as HeldCounter;
      return [id, one.kind === "value" ? one : null];
    }),
  );
}

async function apply(
  context: BothStores,
  { collection, term }: CounterPage,
  messages: ReadonlyMap<string, CounterState>,
): Promise<Map<string, ApplyResult>> {
  if (messages.size === 0) return new Map();
  const states = [...messages].map(([id, state]) => ({ id, state }));
  const reply = await context.postgres.attempt((store) => store.applyCounters(collection, term, states), PAGE_MS);
  if (reply.fenced) {
    context.term.contradicted();
    throw new FencedError("The term changed while a page was copied.");
  }
  const told = states.filter(({ state }, i) => state.stamp > 0 && reply.results[i]?.kind !== "rejected");
  if (told.length > 0) {
    const entries = told.map(({ id, state }) => ({ id, stamp: state.stamp }));
    await context.redis.attempt((store) => store.clearLog(collection, entries), PAGE_MS);
  }
  return new Map(states.map(({ id }, i) => [id, reply.results[i] as ApplyResult]));
}

function endingOf(result: ApplyResult, state: CounterState): Ending {
  if (result.kind === "rejected") return setAside(result.reason, Buffer.from(String(sum(state))), state.stamp);
  if (result.kind === "applied") return ended("copied", state.stamp);
  return ended(result.same ? "unchanged" : "newer", result.stamp);
}

/** What stands under a key that isn't a counter; null for another Redis type. */
async function rawValue(context: BothStores, key: string): Promise<Buffer | null> {
  return context.redis.attempt(async ({ connection }) => {
    const type = await connection.client.type(key);
    return type === "string" ? connection.client.getBuffer(key) : null;
  }, PAGE_MS);
}
