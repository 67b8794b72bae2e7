/** What becomes of two records that turn out to be one: the same email in two spellings. */

import { parseLegacyDate } from "../../collections/legacy-dates.js";
import type { LegacyObject } from "../../collections/legacy-object.js";

/** One of the two. */
export interface Side {
  readonly value: LegacyObject;
  /** Milliseconds since the epoch; null: never. */
  readonly expiresAt: number | null;
}

export interface Merged extends Side {
  /** Of when the fields are that stand after the merge. Milliseconds since the epoch. */
  readonly later: number;
}

export interface MergeRule {
  /** What becomes of the two, for people. */
  readonly says: string;
  /** When a value came to be, milliseconds since the epoch; null: it doesn't say. */
  readonly madeAt: (value: LegacyObject, zone: string) => number | null;
  /** `recordLater`: of when the record's fields are, if they are known to be younger than the value says. */
  readonly merge: (record: Side, variant: Side, zone: string, recordLater: number | null) => Merged;
}

const LONG_AGO = Number.NEGATIVE_INFINITY;

/** The earlier sign-up's date, the later one's other fields. Where only one of them has a field, such as a user id, it stays. */
const signUp: MergeRule = {
  says: "the earlier sign-up's date, the later one's other fields",
  madeAt: (value, zone) => momentOf(value.subscribed_at, zone),
  merge: (record, variant, zone, recordLater) => {
    const [ofRecord, ofVariant] = [record, variant].map(({ value }) => momentOf(value.subscribed_at, zone));
    const [a, b] = [Math.max(ofRecord ?? LONG_AGO, recordLater ?? LONG_AGO), ofVariant ?? LONG_AGO];
    const [older, younger] = b > a ? [record, variant] : [variant, record];
    const isVariantFirst = ofVariant != null && (ofRecord == null || ofVariant < ofRecord);
    const first = isVariantFirst ? variant : record;
    const subscribed = "subscribed_at" in first.value ? { subscribed_at: first.value.subscribed_at } : {};
    return {
      value: { ...older.value, ...younger.value, ...subscribed },
      expiresAt: longer(record.expiresAt, variant.expiresAt),
      later: Math.max(a, b),
    };
  },
};

/** The grant that lives longer, whole. */
const grant: MergeRule = {
  says: "the grant that lives longer, whole",
  madeAt: (value, zone) => momentOf(value.granted_at, zone),
  merge: (record, variant, zone) => {
    const end = ({ value, expiresAt }: Side) =>
      momentOf(value.expires_at, zone) ?? expiresAt ?? Number.POSITIVE_INFINITY;
    return { ...(end(variant) > end(record) ? variant : record), later: LONG_AGO };
  },
};

/** By the collection's name. */
export const mergeRules: Readonly<Record<string, MergeRule>> = { users: signUp, subscriptions: grant };

function momentOf(value: unknown, zone: string): number | null {
  return parseLegacyDate(value, zone)?.getTime() ?? null;
}

function longer(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b);
}
