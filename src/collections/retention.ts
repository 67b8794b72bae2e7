/** How long legacy programs keep subscriptions and grants: some days longer than they give access. */
import { parseLegacyDate } from "./legacy-dates.js";
import type { LegacyObject } from "./legacy-object.js";

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** The last moment whose text form both stores' programs can read: the end of the year 9999. */
const LAST_MOMENT = 253_402_300_799_999;

/** When a grant made at `now` goes: a week after its last day. Milliseconds since the epoch. */
export function grantExpiry(now: number, days: number): number {
  return Math.min(now + days * DAY_MS + WEEK_MS, LAST_MOMENT);
}

/**
 * When a subscription written at `now` goes: a week after its period, but a day from now at the earliest; a year from now
 * where the end is unknown. Of two ends the later counts: nothing may go while it gives access.
 */
export function subscriptionExpiry(value: LegacyObject, now: number, zone: string): number {
  const ends = [value.expires_at, value.current_period_end].flatMap((text) => parseLegacyDate(text, zone) ?? []);
  if (ends.length === 0) return now + 365 * DAY_MS;
  return Math.min(Math.max(Math.max(...ends.map(Number)) + WEEK_MS, now + DAY_MS), LAST_MOMENT);
}
