/** The collection of usage counters: one for each subject and each day and month. */
import { type CounterExpiry, type CountersDefinition, defineCounters } from "../engine/define-counters.js";
import { escapeGlob, restOfKey } from "../engine/key-pattern.js";
import { ValidationError } from "../errors.js";
import { usageTracking } from "../schema/usage-tracking.js";
import { isNormalisedEmail } from "./emails.js";
import type { HolderKind } from "./subscriptions.js";

export type UsagePeriod = "daily" | "monthly";

/** What one counter counts. */
export interface UsageCounter {
  readonly kind: HolderKind;
  /** The user id, email or address. */
  readonly subject: string;
  readonly period: UsagePeriod;
  /** `YYYY-MM-DD` or `YYYY-MM`, UTC. */
  readonly bucket: string;
}

const DAY_MS = 86_400_000;

/** How long counters live, as the legacy programs have it: users' are renewed by each use, the others are not. */
const EXPIRY: Readonly<Record<HolderKind, Readonly<Record<UsagePeriod, CounterExpiry>>>> = {
  user: { daily: { ttlMs: DAY_MS, renew: true }, monthly: { ttlMs: 31 * DAY_MS, renew: true } },
  email: { daily: { ttlMs: 30 * DAY_MS, renew: false }, monthly: { ttlMs: 365 * DAY_MS, renew: false } },
  ip: { daily: { ttlMs: 30 * DAY_MS, renew: false }, monthly: { ttlMs: 365 * DAY_MS, renew: false } },
};

/** Read from the end: a subject may hold colons, and even look like the end of an id itself. */
const ID =
  /^(ip|email|user):(.+):(?:daily:(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))|monthly:(\d{4}-(?:0[1-9]|1[0-2])))$/s;

export function usageId({ kind, subject, period, bucket }: UsageCounter): string {
  return `${kind}:${subject}:${period}:${bucket}`;
}

/** Ids that were taken apart lately: an operation asks for the same few again and again. Forgotten all at once, as too many. */
const known = new Map<string, UsageCounter | null>();
const KNOWN = 2000;

/** Takes a counter's id apart; null for anything else. An email may be in any case. */
export function parseUsageId(id: string): UsageCounter | null {
  let counter = known.get(id);
  if (counter === undefined) {
    counter = takeApart(id);
    if (known.size >= KNOWN) known.clear();
    known.set(id, counter);
  }
  return counter;
}

function takeApart(id: string): UsageCounter | null {
  const match = ID.exec(id);
  if (!match) return null;
  const [, kind, subject, day, month] = match;
  const bucket = day ?? month;
  return {
    kind: kind as HolderKind,
    subject: subject as string,
    period: day ? "daily" : "monthly",
    bucket: bucket as string,
  };
}

let buckets: { readonly day: number; readonly names: Readonly<Record<UsagePeriod, string>> } | undefined;

/** The buckets of a moment: most ask for those of today. */
export function usageBuckets(moment: number): Readonly<Record<UsagePeriod, string>> {
  const day = Math.floor(moment / DAY_MS);
  if (buckets?.day !== day) {
    const name = new Date(moment).toISOString().slice(0, 10);
    buckets = { day, names: { daily: name, monthly: name.slice(0, 7) } };
  }
  return buckets.names;
}

/** The counter's id of a legacy key, an email's case untouched; null for a key of something else. */
export function usageOfKey(key: string, prefix: string): string | null {
  const id = restOfKey(key, prefix, "usage:");
  return id !== null && parseUsageId(id) ? id : null;
}

/** Defines the collection `usage`. Ids are `{ip|email|user}:{subject}:{daily|monthly}:{bucket}`, emails in lower case. */
export function usageCollection(): CountersDefinition {
  return defineCounters({
    name: "usage",
    priority: "high",
    redis: {
      key: (id, { prefix }) => {
        parsed(id);
        return `${prefix}usage:${id}`;
      },
      // A key for an email in another spelling is no counter of its own: see variantOf.
      parse: (key, { prefix }) => {
        const id = usageOfKey(key, prefix);
        if (id === null) return null;
        const { kind, subject } = parsed(id);
        return kind === "email" && !isNormalisedEmail(subject) ? null : id;
      },
      // Neither `usage:log:…` nor `usage:stats`.
      pattern: ({ prefix }) => `${escapeGlob(prefix)}usage:[ieu]*:*ly:[0-9]*`,
      examples: ["ip:{192.0.2.1}", "email:{ann@example.org}", "user:{42}"].flatMap((subject) => [
        `${subject}:daily:{2026-11-20}`,
        `${subject}:monthly:{2026-11}`,
      ]),
    },
    postgres: {
      table: usageTracking,
      columns: (id, sum) => {
        const { kind, subject, period, bucket } = parsed(id);
        return { subjectKind: kind, subject, period, bucket, count: sum };
      },
    },
    expiry: (id) => {
      const { kind, period } = parsed(id);
      return EXPIRY[kind][period];
    },
  });
}

function parsed(id: string): UsageCounter {
  const counter = parseUsageId(id);
  if (!counter)
    throw new ValidationError([
      { path: "id", message: "a usage counter is named {ip|email|user}:{subject}:{daily|monthly}:{bucket}" },
    ]);
  return counter;
}
