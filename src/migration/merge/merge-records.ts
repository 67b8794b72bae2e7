/** Merges a record under another spelling of its email into the record: by compare-and-set at the authority, and once. */
import type { LegacyObject } from "../../collections/legacy-object.js";
import type { BoundRecords } from "../../engine/define-records.js";
import { ConflictError, FencedError } from "../../errors.js";
import { operationId } from "../../stores/operation.js";
import type { RecordState } from "../../stores/state.js";
import type { HeldRecord } from "../../stores/store.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import { checkReply } from "../redis-authority.js";
import { type Ending, ended, setAside } from "../run/ending.js";
import { digest, MergeMarker } from "./merge-markers.js";
import { type MergeRule, mergeRules, type Side } from "./merge-rules.js";

/** How often the merge begins again when live writes come first. */
const TRIES = 50;

type Marks = Readonly<Record<string, string>>;
type Variant = Side & { readonly bytes: Buffer; readonly key: string };

/** @throws FencedError when `term` isn't Redis's any more */
export async function mergeRecordVariant(
  context: BothStores,
  collection: BoundRecords<unknown>,
  key: string,
  id: string,
  term: number,
): Promise<Ending> {
  const rule = mergeRules[collection.name];
  if (!rule) throw new Error(`No rule says how variants of ${collection.name} are merged.`);
  const held = await look(context, { ...collection, redisKey: (self) => self }, key, term);
  if (held.kind === "unreadable") return setAside(held.reason, null);
  if (held.kind !== "value") return ended("expired");

  const marker = new MergeMarker(context, collection.name, id);
  const marks = await marker.read();
  if (marks[digest(key)] === digest(held.bytes)) {
    await marker.keep(held.expiresAt);
    return ended("unchanged");
  }
  const value = decode(collection, id, held.bytes);
  if (value instanceof Error) return setAside(value.message, held.bytes);
  const variant = { key, value, expiresAt: held.expiresAt, bytes: held.bytes };

  for (let tries = 0; tries < TRIES; tries++) {
    const done = await tryMerge(context, collection, rule, id, variant, marks, term);
    if (done === "conflict") continue;
    if (done.ending.outcome !== "setAside") {
      await marker.write({ [digest(key)]: digest(held.bytes), ...done.marks }, variant.expiresAt);
    }
    return done.ending;
  }
  throw new ConflictError(
    `${collection.name}: live writes kept coming before the merge of another spelling. Run the backfill again.`,
  );
}

interface Done {
  readonly ending: Ending;
  readonly marks: Marks;
}

async function tryMerge(
  context: BothStores,
  collection: BoundRecords<unknown>,
  rule: MergeRule,
  id: string,
  variant: Variant,
  marks: Marks,
  term: number,
): Promise<Done | "conflict"> {
  const operation = operationId(`merge ${variant.key} ${digest(variant.bytes)}`);
  const record = await look(context, collection, id, term, "changed");
  if (record.kind === "unreadable")
    return { ending: setAside(`the record it belongs to can't be read: ${record.reason}`, variant.bytes), marks: {} };
  // Killed after the write and before the marker.
  if (record.kind !== "absent" && record.operations.includes(operation)) return { ending: ended("merged"), marks: {} };
  if (record.kind === "tombstone" && !isAfter(rule.madeAt(variant.value, context.zone), record.stamp)) {
    return { ending: ended("newer"), marks: {} };
  }
  const present = record.kind === "value" ? decode(collection, id, record.bytes) : null;
  if (present instanceof Error)
    return { ending: setAside(`the record it belongs to isn't valid: ${present.message}`, variant.bytes), marks: {} };

  const bytesOf = (value: LegacyObject): Buffer => {
    if (value === variant.value) return variant.bytes;
    return record.kind === "value" && value === present ? record.bytes : collection.encode(id, value);
  };
  const merged =
    record.kind === "value" && present
      ? rule.merge({ value: present, expiresAt: record.expiresAt }, variant, context.zone, laterOf(record, marks))
      : { ...variant, later: rule.madeAt(variant.value, context.zone) ?? 0 };
  const bytes = bytesOf(merged.value);
  const later: Marks = Number.isFinite(merged.later) ? { later: String(merged.later) } : {};
  if (record.kind === "value" && isSame(record, bytes, merged.expiresAt)) {
    return { ending: ended("merged"), marks: { ...later, stamp: String(record.stamp) } };
  }
  const write = {
    id,
    bytes,
    expiresAt: merged.expiresAt,
    operationId: operation,
    expected: {
      stamp: record.kind === "absent" ? 0 : record.stamp,
      bytes: record.kind === "value" ? record.bytes : null,
    },
  };
  const reply = await context.redis.attempt((store) => store.writeRecords(collection, term, [write]), PAGE_MS);
  if (reply.fenced) return fenced(context);
  const [result] = reply.results;
  if (result?.kind === "conflict" || result === undefined) return "conflict";
  if (result.kind === "suspect") return fenced(context);
  if (result.kind === "rejected") return { ending: setAside(result.reason, variant.bytes), marks: {} };
  const ending = await tell(context, collection, id, result.state, variant, term);
  return { ending, marks: { ...later, stamp: String(result.state.stamp) } };
}

/** Of when a record's fields are, where that is later than the sign-up it tells of: a live write made them, or an earlier merge chose them. */
function laterOf(record: HeldRecord & { readonly stamp: number }, marks: Marks): number | null {
  if (marks.later !== undefined && marks.stamp === String(record.stamp)) return Number(marks.later);
  return record.stamp > 0 ? Math.floor(record.stamp / 1000) : null;
}

function isAfter(moment: number | null, stamp: number): boolean {
  return moment !== null && moment > stamp / 1000;
}

function isSame(
  record: HeldRecord & { readonly bytes: Buffer | null; readonly expiresAt: number | null },
  bytes: Buffer,
  expiresAt: number | null,
): boolean {
  return record.expiresAt === expiresAt && (record.bytes?.equals(bytes) ?? false);
}

/** The mirror hears of it at once; if it can't, the repair log remembers. */
async function tell(
  context: BothStores,
  collection: BoundRecords<unknown>,
  id: string,
  state: RecordState,
  variant: Variant,
  term: number,
): Promise<Ending> {
  const reply = await context.postgres.attempt(
    (store) => store.applyRecords(collection, term, [{ id, state }]),
    PAGE_MS,
  );
  if (reply.fenced) return fenced(context);
  const [result] = reply.results;
  if (result?.kind === "rejected") return setAside(result.reason, variant.bytes);
  await context.redis.attempt((store) => store.clearLog(collection, [{ id, stamp: state.stamp }]), PAGE_MS);
  return ended("merged");
}

async function look(
  context: BothStores,
  collection: BoundRecords<unknown>,
  id: string,
  term: number,
  mode?: "changed",
): Promise<HeldRecord> {
  const { fence, held } = await context.redis.attempt(
    (store) => store.inspectRecords(collection, [id], mode && { term, mode }),
    PAGE_MS,
  );
  checkReply(context, fence, term);
  return held[0] as HeldRecord;
}

function decode(collection: BoundRecords<unknown>, id: string, bytes: Buffer): LegacyObject | Error {
  try {
    return collection.decode(id, bytes) as LegacyObject;
  } catch (error) {
    return error as Error;
  }
}

function fenced(context: BothStores): never {
  context.term.contradicted();
  throw new FencedError("The term changed while another spelling was merged.");
}
