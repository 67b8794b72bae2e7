/**
 * The rule "has this person access?", as the legacy application has it: pure, from what stands under the three holders.
 *
 * 1. A user subscription decides alone, if there is one. It gives access while its status is `active` or `trialing` and its
 *    period isn't over. Its end is its `expires_at`; where that is missing or unreadable, its `current_period_end`; where
 *    both are, it has none. A period that is over means no access whatever the status says: the key outlives it by days.
 * 2. Otherwise a live grant to the email, then one to the address. A grant's end is its `expires_at`; where that is missing
 *    or unreadable, `granted_at` and `duration_days` after it. A grant whose end can't be told isn't live: nobody should
 *    have access for ever by a damaged value.
 * 3. None live, but one there: expired, no access.
 * 4. Nothing there: the free tier.
 *
 * At its end, to the millisecond, something is over. What an active subscription doesn't state, the free tier's stands for.
 */
import { DEFAULT_ZONE, parseLegacyDate } from "./legacy-dates.js";
import type { LegacyObject } from "./legacy-object.js";

/** What decided; `unknown`: nothing could be found out and the caller chose an answer for that. */
export type AccessSource = "subscription" | "email_grant" | "ip_grant" | "free" | "unknown";

export interface Access {
  readonly hasAccess: boolean;
  /** 0 (free, or no access) to 3. */
  readonly tierLevel: number;
  readonly planName: string;
  /** How many threads; -1 is unlimited, 0 without access. */
  readonly threadLimit: number;
  readonly features: readonly string[];
  /** `active`, `expired`, `free`, `unknown`, or a subscription's own status; of two spellings always `canceled`. */
  readonly status: string;
  readonly source: AccessSource;
  /** When what decided ends or ended; null where it has no end. */
  readonly expiresAt: Date | null;
}

/** The decoded legacy values that stand for a person; null where none does. */
export interface AccessFacts {
  readonly userSubscription: LegacyObject | null;
  readonly emailGrant: LegacyObject | null;
  readonly ipGrant: LegacyObject | null;
}

const FREE = { hasAccess: true, tierLevel: 0, planName: "free", threadLimit: 5, features: ["basic_threads"] } as const;
const PREMIUM = {
  hasAccess: true,
  tierLevel: 2,
  planName: "legacy_premium",
  threadLimit: -1,
  features: ["unlimited_threads", "legacy_access"],
} as const;
const NONE = { hasAccess: false, tierLevel: 0, threadLimit: 0, features: [] } as const;

/**
 * Decides; `now` in milliseconds since the epoch or as a Date, `zone` that of date-times without one.
 *
 * @example
 * decideAccess({ userSubscription: null, emailGrant: null, ipGrant: null }, Date.now()).threadLimit; // 5
 */
export function decideAccess(facts: AccessFacts, now: Date | number, zone: string = DEFAULT_ZONE): Access {
  if (facts.userSubscription) return bySubscription(facts.userSubscription, Number(now), zone);
  const grants = [
    { source: "email_grant", grant: facts.emailGrant },
    { source: "ip_grant", grant: facts.ipGrant },
  ] as const;
  const there = grants.filter(({ grant }) => grant !== null);
  const decisive = there.find(({ grant }) => isLiveGrant(grant as LegacyObject, now, zone)) ?? there[0];
  return decisive ? byGrant(decisive.grant as LegacyObject, decisive.source, now, zone) : freeAccess("free");
}

/** Whether a grant gives access at `now`. */
export function isLiveGrant(grant: LegacyObject, now: Date | number, zone: string = DEFAULT_ZONE): boolean {
  const end = endOfGrant(grant, zone);
  return end !== null && end.getTime() > Number(now);
}

/** The free tier, or (`unknown`) the same for a caller who prefers to let people in while nothing can be found out. */
export function freeAccess(source: "free" | "unknown"): Access {
  return { ...FREE, features: [...FREE.features], status: source, source, expiresAt: null };
}

/** No access, for a caller who prefers that while nothing can be found out. */
export function deniedAccess(): Access {
  return { ...NONE, features: [], planName: FREE.planName, status: "unknown", source: "unknown", expiresAt: null };
}

function bySubscription(value: LegacyObject, now: number, zone: string): Access {
  const end = parseLegacyDate(value.expires_at, zone) ?? parseLegacyDate(value.current_period_end, zone);
  const status = statusOf(value.status);
  const planName = typeof value.plan_name === "string" ? value.plan_name : FREE.planName;
  const common = { planName, source: "subscription", expiresAt: end } as const;
  if (status !== "active" && status !== "trialing") return { ...NONE, features: [], ...common, status };
  if (end !== null && end.getTime() <= now) return { ...NONE, features: [], ...common, status: "expired" };
  return {
    hasAccess: true,
    tierLevel: wholeNumber(value.tier_level, 0) ?? FREE.tierLevel,
    threadLimit: wholeNumber(value.thread_limit, -1) ?? FREE.threadLimit,
    features: Array.isArray(value.features)
      ? value.features.filter((feature) => typeof feature === "string")
      : [...FREE.features],
    ...common,
    status,
  };
}

function byGrant(grant: LegacyObject, source: "email_grant" | "ip_grant", now: Date | number, zone: string): Access {
  const end = { source, expiresAt: endOfGrant(grant, zone) };
  if (isLiveGrant(grant, now, zone)) return { ...PREMIUM, features: [...PREMIUM.features], status: "active", ...end };
  return { ...NONE, features: [], planName: PREMIUM.planName, status: "expired", ...end };
}

/** When a grant ends; null where it can't be told. */
export function endOfGrant(grant: LegacyObject, zone: string): Date | null {
  const stated = parseLegacyDate(grant.expires_at, zone);
  if (stated) return stated;
  const granted = parseLegacyDate(grant.granted_at, zone);
  const days = grant.duration_days;
  if (!granted || typeof days !== "number" || !(days >= 0 && days < 1e6)) return null;
  return new Date(granted.getTime() + days * 86_400_000);
}

function statusOf(status: unknown): string {
  if (typeof status !== "string" || status === "") return "unknown";
  return status === "cancelled" ? "canceled" : status;
}

function wholeNumber(value: unknown, least: number): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least ? value + 0 : null;
}
