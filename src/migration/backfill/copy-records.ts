/** Copies a page of records from Redis, the authority, to Postgres: never over anything newer. */
import { recordDifference } from "../../engine/difference.js";
import { stateOf } from "../../engine/refetch.js";
import { FencedError } from "../../errors.js";
import type { RecordState } from "../../stores/state.js";
import type { ApplyResult, HeldRecord } from "../../stores/store.js";
import type { RecordPage } from "../keyspace/record-page.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { checkReply } from "../redis-authority.js";
import { type Ending, ended, setAside } from "../run/ending.js";
import { marked } from "./run-mark.js";

/** Of values sent to Postgres in one call, about. */
const BYTES_A_CALL = 4 * 1024 * 1024;

interface Message {
  readonly id: string;
  readonly state: RecordState;
}

/**
 * One ending for each id of the page, which may be older than what stands by now. `now` is Postgres's clock; `mark` is left on
 * rows of values that the library never wrote, see run-mark.ts.
 * @throws FencedError when the page's term has ended: read it again
 */
export async function copyRecordPage(
  context: BothStores,
  page: RecordPage,
  now: number,
  mark?: string,
): Promise<Ending[]> {
  const endings: (Ending | undefined)[] = page.held.map((held) => endingWithoutCopy(held));
  const messages = page.ids.flatMap((id, i) => {
    const state = endings[i] ? null : stateOf(page.held[i] as HeldRecord);
    return state && !isPast(state, now) ? [{ id, state: marked(state, mark) }] : [];
  });
  const [results] = await Promise.all([apply(context, page, messages), indexValues(context, page)]);
  const doubtful: string[] = [];
  page.ids.forEach((id, i) => {
    if (endings[i]) return;
    const result = results.get(id);
    const held = page.held[i] as HeldRecord;
    if (!result) endings[i] = ended("expired");
    else if (isInDoubt(held, result)) doubtful.push(id);
    else endings[i] = endingOf(result, held);
  });
  const settled = await settle(context, page, doubtful);
  return endings.map((ending, i) => ending ?? (settled.get(page.ids[i] as string) as Ending));
}

function endingWithoutCopy(held: HeldRecord): Ending | undefined {
  if (held.kind === "value") return undefined;
  return held.kind === "unreadable" ? setAside(held.reason, null) : ended("expired");
}

function isPast(state: RecordState, now: number): boolean {
  return state.expiresAt !== null && state.expiresAt <= now;
}

async function apply(
  context: BothStores,
  { collection, term }: RecordPage,
  messages: readonly Message[],
): Promise<Map<string, ApplyResult>> {
  const results = new Map<string, ApplyResult>();
  for (const some of portions(messages)) {
    const reply = await context.postgres.attempt((store) => store.applyRecords(collection, term, some), PAGE_MS);
    if (reply.fenced) {
      context.term.contradicted();
      throw new FencedError("The term changed while a page was copied.");
    }
    for (const [i, { id }] of some.entries()) results.set(id, reply.results[i] as ApplyResult);
  }
  return results;
}

/** Each call has its deadline: a page with many great values would miss it, again and again. */
function* portions(messages: readonly Message[]): Generator<readonly Message[], void, undefined> {
  let portion: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    portion.push(message);
    bytes += message.state.bytes?.length ?? 0;
    if (bytes < BYTES_A_CALL) continue;
    yield portion;
    [portion, bytes] = [[], 0];
  }
  if (portion.length > 0) yield portion;
}

/** A value that was never stamped has no claim against what Postgres holds: only Redis can tell which of the two is the present truth. */
function isInDoubt(held: HeldRecord, result: ApplyResult): boolean {
  return result.kind === "kept" && !result.same && (stampOf(held) === 0 || result.stamp === stampOf(held));
}

function stampOf(held: HeldRecord): number {
  return "stamp" in held ? held.stamp : 0;
}

function endingOf(result: ApplyResult, held: HeldRecord): Ending {
  if (result.kind === "applied") return ended("copied", stampOf(held));
  if (result.kind === "rejected")
    return setAside(result.reason, held.kind === "value" ? held.bytes : null, stampOf(held));
  return ended(result.same ? "unchanged" : "newer", result.stamp);
}

/**
 * Postgres holds something else than a value that was never stamped. Either it was written since the page was read, then Redis
 * has a companion for it by now; or a bypass writer changed it since an earlier run, then it is adopted: its new stamp wins.
 */
async function settle(context: BothStores, page: RecordPage, ids: readonly string[]): Promise<Map<string, Ending>> {
  if (ids.length === 0) return new Map();
  const { collection, term } = page;
  const { held: mirrored } = await context.postgres.attempt((store) => store.inspectRecords(collection, ids), PAGE_MS);
  const endings = new Map<string, Ending>();
  const places = new Map(page.ids.map((id, i) => [id, i]));
  ids.forEach((id, i) => {
    const held = page.held[places.get(id) as number] as HeldRecord;
    const theirs = mirrored[i] as HeldRecord;
    // An older Redis gives an expiry to within a millisecond.
    if (stampOf(held) === stampOf(theirs) && recordDifference(held, theirs) === null)
      endings.set(id, ended("unchanged", stampOf(held)));
  });
  const differing = ids.filter((id) => !endings.has(id));
  if (differing.length === 0) return endings;

  const { fence, held } = await context.redis.attempt(
    (store) => store.inspectRecords(collection, differing, { term, mode: "bare" }),
    PAGE_MS,
  );
  checkReply(context, fence, term);
  const present = new Map(differing.map((id, i) => [id, held[i] as HeldRecord]));
  const messages = differing.flatMap((id) => {
    const state = stateOf(present.get(id) as HeldRecord);
    return state ? [{ id, state }] : [];
  });
  const results = await apply(context, page, messages);
  const told = messages.filter(({ id }) => results.get(id)?.kind !== "rejected");
  await context.redis.attempt(
    (store) =>
      store.clearLog(
        collection,
        told.map(({ id, state }) => ({ id, stamp: state.stamp })),
      ),
    PAGE_MS,
  );
  for (const id of differing) {
    const now = present.get(id) as HeldRecord;
    const result = results.get(id);
    if (now.kind === "unreadable") endings.set(id, setAside(now.reason, null));
    else if (now.kind !== "value" || !result) endings.set(id, ended("expired"));
    // Its own writer told Postgres before.
    else if (result.kind === "kept") endings.set(id, ended("newer", result.stamp));
    else endings.set(id, endingOf(result, now));
  }
  return endings;
}

/** Index entries of values that no write of the library has indexed. */
async function indexValues(context: BothStores, { collection, ids, held }: RecordPage): Promise<void> {
  if (Object.keys(collection.indexes).length === 0) return;
  const values = held.flatMap((one, i) => (one.kind === "value" ? [{ id: ids[i] as string, bytes: one.bytes }] : []));
  if (values.length > 0) await context.redis.attempt((store) => store.indexRecords(collection, values), PAGE_MS);
}
