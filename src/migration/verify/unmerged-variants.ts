/** Finds what stands under other spellings of an email and was never brought into its record or counter. */
import { sumOf } from "../../engine/difference.js";
import type { HeldCounter, HeldRecord } from "../../stores/store.js";
import type { VariantKey } from "../keyspace/keyspace-page.js";
import { digest, MergeMarker } from "../merge/merge-markers.js";
import { type BothStores, PAGE_MS } from "../migration-context.js";
import type { Finding, SetAside } from "./findings.js";

/** What is unmerged under a key, to be recognised at a second look. */
export interface Unmerged {
  readonly variant: VariantKey;
  readonly content: string;
  /** Its bytes, where it is a record; null for a counter, or for another Redis type. */
  readonly value: Buffer | null;
}

export async function findUnmerged(context: BothStores, variants: readonly VariantKey[]): Promise<Unmerged[]> {
  const found: Unmerged[] = [];
  for (const variant of variants) {
    const unmerged = await (variant.collection.kind === "records"
      ? unmergedRecord(context, variant)
      : unmergedCounter(context, variant));
    if (unmerged) found.push(unmerged);
  }
  return found;
}

/** Still unmerged, unchanged, and not on the rejects list. */
export async function stillUnmerged(
  context: BothStores,
  first: readonly Unmerged[],
): Promise<{ findings: Finding[]; variants: VariantKey[]; setAside: SetAside[] }> {
  const before = new Map(first.map(({ variant, content }) => [variant.key, content]));
  const second = (
    await findUnmerged(
      context,
      first.map(({ variant }) => variant),
    )
  ).filter(({ variant, content }) => before.get(variant.key) === content);
  const findings: Finding[] = [];
  const variants: VariantKey[] = [];
  const setAside: SetAside[] = [];
  for (const { variant, value } of second) {
    const { collection, key, id } = variant;
    const known = (await context.evidence.knownRejects(collection.name, [key])).get(key);
    if (known !== undefined && (value === null || known.value === null || known.value.equals(value))) {
      setAside.push({ collection: collection.name, reason: known.reason });
      continue;
    }
    findings.push({ kind: "unmerged", collection: collection.name, id, key, redisStamp: null, postgresStamp: null });
    variants.push(variant);
  }
  return { findings, variants, setAside };
}

async function unmergedRecord(context: BothStores, variant: VariantKey): Promise<Unmerged | null> {
  const { collection, key, id } = variant;
  if (collection.kind !== "records") return null;
  const itself = { ...collection, redisKey: (self: string) => self };
  const { held } = await context.redis.attempt((store) => store.inspectRecords(itself, [key]), PAGE_MS);
  const one = held[0] as HeldRecord;
  if (one.kind === "unreadable") return { variant, content: "unreadable", value: null };
  if (one.kind !== "value") return null;
  const marks = await new MergeMarker(context, collection.name, id).read();
  const content = digest(one.bytes);
  return marks[digest(key)] === content ? null : { variant, content, value: one.bytes };
}

async function unmergedCounter(context: BothStores, variant: VariantKey): Promise<Unmerged | null> {
  const { collection, key } = variant;
  if (collection.kind !== "counters") return null;
  const itself = { ...collection, redisKey: (self: string) => self };
  const { held } = await context.redis.attempt((store) => store.inspectCounters(itself, [key]), PAGE_MS);
  const one = held[0] as HeldCounter;
  if (one.kind === "unreadable") return { variant, content: "unreadable", value: null };
  const marks = await new MergeMarker(context, collection.name, key).read();
  const steps = Object.keys(marks).flatMap((field) => (field.startsWith("step:") ? [Number(field.slice(5))] : []));
  const last = Math.max(-1, ...steps);
  const to = last < 0 ? 0 : Number(marks[`step:${last}`]?.split(":")[1]);
  const isDone = last < 0 || `done:${last}` in marks;
  const sum = sumOf(one);
  return sum === 0 || (sum === to && isDone) ? null : { variant, content: String(sum), value: null };
}
