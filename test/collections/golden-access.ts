/**
 * What the legacy application answers to "has this person access?", by example: legacy keys as programs wrote them, some
 * columns of the row that each becomes, and the answer at noon of 20 November 2026, UTC.
 */
import type { Access } from "../../src/collections/access.js";

export const NOW = Date.parse("2026-11-20T12:00:00Z");

export interface GoldenAccess {
  readonly name: string;
  /** Legacy key → value. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** Legacy key → typed columns of its row, by their property names. */
  readonly rows?: Readonly<Record<string, Record<string, unknown>>>;
  readonly person: { readonly userId?: string; readonly email?: string; readonly ip?: string };
  readonly access: Partial<Access>;
  readonly zone?: string;
}

const SUB = "threadr:subscription:user:42";
const MAIL = "threadr:premium:email:ann@example.org";
const ADDRESS = "threadr:premium:ip:203.0.113.9";
const ann = { userId: "42", email: "ann@example.org", ip: "203.0.113.9" };

const LATER = "2026-12-20T09:30:00.123456";
const EARLIER = "2026-11-10T09:30:00.123456";

// biome-ignore format: a table
const pro = {
  subscription_id: "sub_1", plan_name: "pro", plan_display_name: "Pro", status: "active", tier_level: 3, thread_limit: 200,
  features: ["a", "b"], current_period_end: LATER, expires_at: LATER,
};
// biome-ignore format: a table
const live = { granted_at: "2026-11-01T00:00:00", expires_at: LATER, plan: "pro", duration_days: 30, client_ip: "203.0.113.9", email: "ann@example.org", payment_info: {} };
const over = { ...live, granted_at: "2026-10-01T00:00:00", expires_at: EARLIER };

// biome-ignore format: a table
const FREE = { hasAccess: true, tierLevel: 0, planName: "free", threadLimit: 5, features: ["basic_threads"], status: "free", source: "free", expiresAt: null } as const;
// biome-ignore format: a table
const PREMIUM = { hasAccess: true, tierLevel: 2, planName: "legacy_premium", threadLimit: -1, features: ["unlimited_threads", "legacy_access"], status: "active" } as const;
const NO = { hasAccess: false, tierLevel: 0, threadLimit: 0, features: [] as string[] };

const at = (text: string) => new Date(text);
const without = (value: Record<string, unknown>, ...fields: string[]) =>
  Object.fromEntries(Object.entries(value).filter(([field]) => !fields.includes(field)));

// biome-ignore format: a table, an example a line
export const GOLDEN_ACCESS: readonly GoldenAccess[] = [
  // Nothing at all.
  { name: "nothing at all is the free tier", keys: {}, person: ann, access: FREE },
  { name: "somebody of whom nothing is known is in the free tier", keys: {}, person: {}, access: FREE },
  { name: "another user's subscription says nothing", keys: { "threadr:subscription:user:43": pro }, person: ann, access: FREE },
  { name: "a user id that is another's with something after it is another", keys: { "threadr:subscription:user:42:x": pro }, person: { userId: "42" }, access: FREE },

  // A user subscription decides.
  {
    name: "an active subscription gives what it states",
    keys: { [SUB]: pro },
    rows: { [SUB]: { holderKind: "user", userId: "42", status: "active", tierLevel: 3, threadLimit: 200, subscriptionId: "sub_1", endsAt: at("2026-12-20T09:30:00.123Z") } },
    person: ann,
    access: { hasAccess: true, tierLevel: 3, planName: "pro", threadLimit: 200, features: ["a", "b"], status: "active", source: "subscription", expiresAt: at("2026-12-20T09:30:00.123Z") },
  },
  { name: "a trial gives access", keys: { [SUB]: { ...pro, status: "trialing" } }, person: ann, access: { hasAccess: true, status: "trialing", tierLevel: 3 } },
  { name: "-1 threads are unlimited", keys: { [SUB]: { ...pro, thread_limit: -1 } }, person: ann, access: { threadLimit: -1 } },
  { name: "a subscription that ends with its period gives access until then", keys: { [SUB]: { ...pro, cancel_at_period_end: true } }, person: ann, access: { hasAccess: true } },
  ...(["past_due", "inactive", "canceled"] as const).map((status) => ({
    name: `a subscription that is ${status} gives no access`,
    keys: { [SUB]: { ...pro, status } },
    rows: { [SUB]: { status, tierLevel: 3 } },
    person: ann,
    access: { ...NO, status, planName: "pro", source: "subscription" as const },
  })),
  { name: "the other spelling of canceled is the same answer, and stays in the row", keys: { [SUB]: { ...pro, status: "cancelled" } }, rows: { [SUB]: { status: "cancelled" } }, person: ann, access: { ...NO, status: "canceled" } },
  { name: "a status in capitals isn't active", keys: { [SUB]: { ...pro, status: "ACTIVE" } }, person: ann, access: { ...NO, status: "ACTIVE" } },
  { name: "a subscription without a status gives no access", keys: { [SUB]: without(pro, "status") }, rows: { [SUB]: { status: null } }, person: ann, access: { ...NO, status: "unknown", source: "subscription" } },
  { name: "an empty subscription is one", keys: { [SUB]: {} }, person: ann, access: { ...NO, source: "subscription", expiresAt: null } },
  {
    name: "a subscription whose expires_at has passed is over, whatever its status says",
    keys: { [SUB]: { ...pro, expires_at: EARLIER } },
    rows: { [SUB]: { status: "active", endsAt: at("2026-11-10T09:30:00.123Z") } },
    person: ann,
    access: { ...NO, status: "expired", source: "subscription", planName: "pro", expiresAt: at("2026-11-10T09:30:00.123Z") },
  },
  { name: "a trial that is over is over", keys: { [SUB]: { ...pro, status: "trialing", expires_at: EARLIER } }, person: ann, access: { ...NO, status: "expired" } },
  { name: "without expires_at the period's end counts", keys: { [SUB]: { ...without(pro, "expires_at"), current_period_end: EARLIER } }, person: ann, access: { ...NO, status: "expired" } },
  { name: "a null for expires_at is none", keys: { [SUB]: { ...pro, expires_at: null } }, person: ann, access: { hasAccess: true, expiresAt: at("2026-12-20T09:30:00.123Z") } },
  { name: "expires_at goes before the period's end", keys: { [SUB]: { ...pro, current_period_end: EARLIER } }, person: ann, access: { hasAccess: true } },
  { name: "an active subscription without any end has none", keys: { [SUB]: without(pro, "expires_at", "current_period_end") }, rows: { [SUB]: { endsAt: null } }, person: ann, access: { hasAccess: true, expiresAt: null } },
  { name: "an end that can't be read is none", keys: { [SUB]: { ...pro, expires_at: "soon", current_period_end: 7 } }, rows: { [SUB]: { endsAt: null } }, person: ann, access: { hasAccess: true, expiresAt: null } },
  { name: "a canceled subscription that is over stays canceled", keys: { [SUB]: { ...pro, status: "canceled", expires_at: EARLIER } }, person: ann, access: { ...NO, status: "canceled" } },
  { name: "at its end to the millisecond a subscription is over", keys: { [SUB]: { ...pro, expires_at: "2026-11-20T12:00:00.000999" } }, person: ann, access: { ...NO, status: "expired" } },
  { name: "a millisecond before its end it is not", keys: { [SUB]: { ...pro, expires_at: "2026-11-20 12:00:00.001000" } }, person: ann, access: { hasAccess: true } },
  { name: "what an active subscription doesn't state is as in the free tier", keys: { [SUB]: { status: "active" } }, person: ann, access: { hasAccess: true, tierLevel: 0, planName: "free", threadLimit: 5, features: ["basic_threads"], source: "subscription" } },
  { name: "numbers of another type are not understood", keys: { [SUB]: { ...pro, tier_level: "3", thread_limit: null } }, rows: { [SUB]: { tierLevel: null, threadLimit: null } }, person: ann, access: { hasAccess: true, tierLevel: 0, threadLimit: 5 } },
  { name: "no features are no features", keys: { [SUB]: { ...pro, features: [] } }, person: ann, access: { features: [] } },
  { name: "a user id with colons is one id", keys: { "threadr:subscription:user:auth0|a:b": pro }, rows: { "threadr:subscription:user:auth0|a:b": { userId: "auth0|a:b" } }, person: { userId: "auth0|a:b" }, access: { hasAccess: true, tierLevel: 3 } },

  // A subscription goes before grants, live or lapsed.
  { name: "a lapsed subscription decides although a grant is live", keys: { [SUB]: { ...pro, expires_at: EARLIER }, [MAIL]: live, [ADDRESS]: live }, person: ann, access: { ...NO, status: "expired", source: "subscription" } },
  { name: "a past due subscription decides although a grant is live", keys: { [SUB]: { ...pro, status: "past_due" }, [MAIL]: live }, person: ann, access: { ...NO, status: "past_due" } },
  { name: "a subscription decides although a grant has expired", keys: { [SUB]: pro, [MAIL]: over }, person: ann, access: { hasAccess: true, tierLevel: 3, source: "subscription" } },
  { name: "a subscription isn't looked at where the user isn't known", keys: { [SUB]: pro, [MAIL]: live }, person: { email: "ann@example.org" }, access: { ...PREMIUM, source: "email_grant" } },

  // Grants to an email.
  {
    name: "a live grant to an email is premium",
    keys: { [MAIL]: live },
    rows: { [MAIL]: { holderKind: "email", email: "ann@example.org", ip: "203.0.113.9", kind: "grant", planName: "pro", durationDays: 30, grantedAt: at("2026-11-01T00:00:00Z") } },
    person: ann,
    access: { ...PREMIUM, source: "email_grant", expiresAt: at("2026-12-20T09:30:00.123Z") },
  },
  { name: "whatever plan a grant names", keys: { [MAIL]: { ...live, plan: "enterprise", tier_level: 3, thread_limit: 7 } }, person: ann, access: PREMIUM },
  { name: "an email is found in any case", keys: { [MAIL]: live }, person: { email: "  ANN@Example.org" }, access: { ...PREMIUM, source: "email_grant" } },
  { name: "a legacy key in the case given is found", keys: { "threadr:premium:email:Ann@Example.org": live }, person: { email: "Ann@Example.org" }, access: { ...PREMIUM, source: "email_grant" } },
  { name: "an expired grant in the normal case doesn't hide a live one in the case given", keys: { [MAIL]: over, "threadr:premium:email:Ann@Example.org": live }, person: { email: "Ann@Example.org" }, access: PREMIUM },
  { name: "an email with signs that mean something in a pattern is just an email", keys: { "threadr:premium:email:a*+[b]?@example.org": live }, person: { email: "a*+[b]?@example.org" }, access: PREMIUM },
  { name: "and finds nobody else", keys: { [MAIL]: live }, person: { email: "a*@example.org" }, access: FREE },
  { name: "an expired grant is no access, not the free tier", keys: { [MAIL]: over }, person: ann, access: { ...NO, status: "expired", planName: "legacy_premium", source: "email_grant", expiresAt: at("2026-11-10T09:30:00.123Z") } },
  { name: "a grant without an end ends after its days", keys: { [MAIL]: without(live, "expires_at") }, rows: { [MAIL]: { endsAt: null } }, person: ann, access: { ...PREMIUM, expiresAt: at("2026-12-01T00:00:00Z") } },
  { name: "a grant without an end whose days are over has expired", keys: { [MAIL]: without(over, "expires_at") }, person: ann, access: { ...NO, status: "expired" } },
  { name: "a grant whose end can't be told isn't live", keys: { [MAIL]: { plan: "pro", expires_at: null } }, person: ann, access: { ...NO, status: "expired", expiresAt: null } },
  { name: "an end with an offset", keys: { [MAIL]: { ...live, expires_at: "2026-11-20T13:30:00+02:00" } }, person: ann, access: { ...NO, expiresAt: at("2026-11-20T11:30:00Z") } },
  { name: "an end without one is local time of the zone", keys: { [MAIL]: { ...live, expires_at: "2026-11-20 12:30:00" } }, rows: { [MAIL]: { endsAt: at("2026-11-20T11:30:00Z") } }, person: ann, zone: "Europe/Berlin", access: { ...NO, status: "expired" } },
  { name: "west of Greenwich the same end is yet to come", keys: { [MAIL]: { ...live, expires_at: "2026-11-20 08:30:00" } }, person: ann, zone: "America/New_York", access: { ...PREMIUM, expiresAt: at("2026-11-20T13:30:00Z") } },

  // Grants to an address.
  { name: "a live grant to an address is premium", keys: { [ADDRESS]: live }, rows: { [ADDRESS]: { holderKind: "ip", ip: "203.0.113.9", email: "ann@example.org" } }, person: ann, access: { ...PREMIUM, source: "ip_grant" } },
  { name: "an IPv6 address is one address", keys: { "threadr:premium:ip:2001:db8::1": live }, rows: { "threadr:premium:ip:2001:db8::1": { ip: "2001:db8::1" } }, person: { ip: "2001:db8::1" }, access: { ...PREMIUM, source: "ip_grant" } },
  { name: "the email goes before the address", keys: { [MAIL]: live, [ADDRESS]: { ...live, expires_at: "2027-01-01T00:00:00" } }, person: ann, access: { ...PREMIUM, source: "email_grant" } },
  { name: "a live grant to the address counts where the email's has expired", keys: { [MAIL]: over, [ADDRESS]: live }, person: ann, access: { ...PREMIUM, source: "ip_grant" } },
  { name: "both expired is expired, by the email's", keys: { [MAIL]: over, [ADDRESS]: { ...over, expires_at: "2026-11-12T00:00:00" } }, person: ann, access: { ...NO, status: "expired", source: "email_grant", expiresAt: at("2026-11-10T09:30:00.123Z") } },
  { name: "an expired grant to the address is no access", keys: { [ADDRESS]: over }, person: ann, access: { ...NO, status: "expired", source: "ip_grant" } },
  { name: "the placeholder's grant gives nobody access", keys: { "threadr:premium:ip:0.0.0.0": live }, rows: { "threadr:premium:ip:0.0.0.0": { ip: null } }, person: { ip: "0.0.0.0" }, access: FREE },
  { name: "nor does it take the free tier from anybody", keys: { "threadr:premium:ip:0.0.0.0": over }, person: { userId: "42", ip: "0.0.0.0" }, access: FREE },
  { name: "the email still counts beside the placeholder", keys: { [MAIL]: { ...live, client_ip: "0.0.0.0" }, "threadr:premium:ip:0.0.0.0": over }, rows: { [MAIL]: { ip: null } }, person: { email: "ann@example.org", ip: "0.0.0.0" }, access: { ...PREMIUM, source: "email_grant" } },
];
