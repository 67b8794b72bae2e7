/** What a premium grant is made of. */
import { PLACEHOLDER_ADDRESS } from "./addresses.js";
import { optionalAddress, optionalEmail, refuse, requireName, requireObject } from "./inputs.js";
import { formatLegacyDate } from "./legacy-dates.js";
import type { CallOptions, RecordEntry } from "./ports.js";
import { grantExpiry } from "./retention.js";
import { type HolderValue, holderId } from "./subscriptions.js";

/** To whom premium is granted: an email, an address, or both at once. */
export interface GrantHolder {
  readonly email?: string | null;
  /** The placeholder 0.0.0.0 counts as no address. */
  readonly ip?: string | null;
}

export interface GrantOptions extends CallOptions {
  /** What was bought. @default "premium" */
  readonly plan?: string;
  /** For how long, whole days from 1 to 36500. */
  readonly days: number;
  /** Whatever the payment provider told. @default {} */
  readonly paymentInfo?: Readonly<Record<string, unknown>>;
}

/** A premium grant that was written. Date-times are ISO texts in the store's zone. */
export interface PremiumGrant {
  readonly grantedAt: string;
  readonly expiresAt: string;
  readonly plan: string;
  readonly durationDays: number;
  /** Null where the grant isn't to an address. */
  readonly clientIp: string | null;
  readonly email: string | null;
  readonly paymentInfo: Readonly<Record<string, unknown>>;
}

export interface NewGrant {
  readonly grant: PremiumGrant;
  /** The same value under each holder. */
  readonly entries: readonly RecordEntry<HolderValue>[];
  readonly call: CallOptions;
}

/** Checks what a caller gave and works out what is to be written at `now` (milliseconds). @throws ValidationError */
export function newGrant(holder: GrantHolder, options: GrantOptions, now: number, zone: string): NewGrant {
  const given = requireObject(holder, "holder");
  requireObject(options, "options");
  const { plan = "premium", days, paymentInfo = {}, ...call } = options;
  const email = optionalEmail(given.email);
  const clientIp = optionalAddress(given.ip);
  if (email === null && clientIp === null) {
    refuse("holder", "give an email, an address or both; 0.0.0.0 counts as no address");
  }
  if (!Number.isInteger(days) || days < 1 || days > 36_500) refuse("days", "a whole number from 1 to 36500 is needed");
  requireName(plan, "plan");
  requireObject(paymentInfo, "paymentInfo");

  const grantedAt = formatLegacyDate(now, zone);
  const expiresAt = formatLegacyDate(now + days * 86_400_000, zone);
  const value: HolderValue = {
    granted_at: grantedAt,
    expires_at: expiresAt,
    plan,
    duration_days: days,
    // Legacy readers expect a text here. Only a key of that name would give others access, and none is written.
    client_ip: clientIp ?? PLACEHOLDER_ADDRESS,
    email,
    payment_info: paymentInfo,
  };
  const holders = [
    ...(email === null ? [] : [holderId("email", email)]),
    ...(clientIp === null ? [] : [holderId("ip", clientIp)]),
  ];
  return {
    grant: { grantedAt, expiresAt, plan, durationDays: days, clientIp, email, paymentInfo },
    entries: holders.map((id) => ({ id, value, expiresAt: grantExpiry(now, days) })),
    call,
  };
}
