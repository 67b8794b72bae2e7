/** Makes up the people of the legacy application, and what Redis holds of each. */
import { DATE_FORMS, type DateForm, legacyDate, usageIds } from "./legacy-form.js";
import type { LegacyWriter } from "./legacy-writer.js";
import type { Random } from "./random.js";

export interface Access {
  readonly hasAccess: boolean;
  readonly tier: number;
}

/** What the demo knows of a person; ids that are null don't exist. */
export interface Person {
  readonly n: number;
  readonly email: string;
  readonly ip: string;
  readonly userId: string | null;
  readonly subscription: { readonly id: string; readonly tier: number } | null;
  readonly signedUp: boolean;
  /** What a question for access by all that is known has to answer. */
  readonly access: Access;
}

export const FREE: Access = { hasAccess: true, tier: 0 };
export const GRANTED: Access = { hasAccess: true, tier: 2 };
export const NO_ACCESS: Access = { hasAccess: false, tier: 0 };

const DAY = 86_400;
const DAY_MS = DAY * 1000;
const FORM_WEIGHTS: readonly DateForm[] = [...Array<DateForm>(7).fill("isoformat"), ...DATE_FORMS];
/** `active` first and often. Both spellings of the last one occur. */
const STATUSES = [
  ...Array<string>(14).fill("active"),
  "trialing",
  "trialing",
  "past_due",
  "inactive",
  "canceled",
  "cancelled",
];

export async function writePerson(writer: LegacyWriter, random: Random, n: number, now: number): Promise<Person> {
  const email = emailOf(n);
  const userId = random.chance(0.45) ? `u_${String(n).padStart(6, "0")}` : null;
  const ip = ipOf(n);
  const signedUp = random.chance(0.92);
  if (signedUp)
    await writer.record("users", email, signUp(random, n, userId, now), 2 * 365 * DAY - random.below(DAY * 300));
  if (signedUp) await writer.command("sadd", "threadr:emails:list", email);

  let access = FREE;
  let subscription: Person["subscription"] = null;
  if (userId !== null && random.chance(0.4)) {
    subscription = { id: `sub_${n}`, tier: 1 + random.below(3) };
    access = await writeSubscription(writer, random, { n, userId, subscription, now });
  } else if (random.chance(0.25)) {
    access = await writeGrant(writer, random, { email, ip, now });
  }
  if (random.chance(0.3)) await writeUsage(writer, random, userId === null ? ["email", email] : ["user", userId], now);
  if (random.chance(0.1)) await writeUsage(writer, random, ["ip", ip], now);
  if (random.chance(0.1)) await writer.record("user_sessions", `tok-${n}`, session(random, n, userId, now), 30 * DAY);
  if (random.chance(0.05)) await writeLogLine(writer, n, email, ip, now);
  if (random.chance(0.05)) await writer.record("threads", `url:https://example.org:8443/a/${n}?x=1:2`, thread(n), DAY);
  if (random.chance(0.02)) await writer.string(`threadr:ratelimit:${ip}`, "3", now + 60_000);
  return { n, email, ip, userId, subscription, signedUp, access };
}

/** Some with letters that mean something in a MATCH pattern. */
function emailOf(n: number): string {
  if (n % 97 === 5) return `glob+${n}*[a-z]?@example.org`;
  if (n % 53 === 7) return `o'neil+tag${n}@mail.example.com`;
  return `person${n}@${n % 3 === 0 ? "example.com" : "mail.example.org"}`;
}

function ipOf(n: number): string {
  return n % 13 === 0
    ? `2001:db8:${(n >> 8).toString(16)}::${(n & 0xff).toString(16)}`
    : `10.${(n >> 16) & 0xff}.${(n >> 8) & 0xff}.${n & 0xff}`;
}

function signUp(random: Random, n: number, userId: string | null, now: number): Record<string, unknown> {
  return {
    subscribed_at: legacyDate(now - random.below(300) * DAY_MS, random.pick(FORM_WEIGHTS)),
    source: random.pick(["landing", "footer", "café ☕", null]),
    user_agent: "Mozilla/5.0 (X11; Linux x86_64)",
    referrer: n % 4 === 0 ? null : "https://search.example/?q=threads",
    utm_source: random.pick(["ads", "newsletter", null]),
    ...(userId === null ? {} : { user_id: userId }),
    ...(n % 10 === 0 ? { favourite_colour: "grün", score: 1.5, nested: { deep: [1, null, true] } } : {}),
  };
}

async function writeSubscription(
  writer: LegacyWriter,
  random: Random,
  {
    n,
    userId,
    subscription,
    now,
  }: { n: number; userId: string; subscription: NonNullable<Person["subscription"]>; now: number },
): Promise<Access> {
  const status = random.pick(STATUSES);
  const lapsed = random.chance(0.05);
  const { id, tier } = subscription;
  const end = now + (lapsed ? -2 : 1 + random.below(29)) * DAY_MS;
  const value = {
    subscription_id: id,
    customer_id: `cus_${n}`,
    price_id: `price_${tier}`,
    product_id: `prod_${tier}`,
    plan_name: ["", "starter", "pro", "team"][tier],
    plan_display_name: ["", "Starter", "Pro", "Team"][tier],
    status,
    tier_level: tier,
    thread_limit: tier === 3 ? -1 : tier * 100,
    features: ["basic_threads", "scheduling"].slice(0, tier),
    is_annual: n % 2 === 0,
    monthly_price: tier * 900,
    annual_price: tier * 9000,
    current_period_start: legacyDate(end - 30 * DAY_MS, random.pick(FORM_WEIGHTS)),
    current_period_end: legacyDate(end, random.pick(FORM_WEIGHTS)),
    cancel_at_period_end: random.chance(0.1),
    expires_at: legacyDate(end),
  };
  await writer.record("subscriptions", `user:${userId}`, value, Math.max(DAY, (end - now) / 1000 + 7 * DAY));
  if (status === "active") await writer.command("sadd", "threadr:subscriptions:active", userId);
  return !lapsed && (status === "active" || status === "trialing") ? { hasAccess: true, tier } : NO_ACCESS;
}

/** Under the email and under the address, as the legacy programs write it. */
async function writeGrant(
  writer: LegacyWriter,
  random: Random,
  { email, ip, now }: { email: string; ip: string; now: number },
): Promise<Access> {
  const days = random.pick([7, 30, 365]);
  const lapsed = random.chance(0.1);
  const grantedAt = now - (lapsed ? days * DAY_MS + 3_600_000 : random.below(days) * DAY_MS);
  const endsAt = grantedAt + days * DAY_MS;
  const value = grantValue({ email, ip, days, grantedAt, endsAt, form: random.pick(FORM_WEIGHTS) });
  const ttl = (endsAt - now) / 1000 + 604_800;
  await writer.record("subscriptions", `email:${email}`, value, ttl);
  await writer.record("subscriptions", `ip:${ip}`, value, ttl);
  return lapsed ? NO_ACCESS : GRANTED;
}

export function grantValue(grant: {
  email: string | null;
  ip: string;
  days: number;
  grantedAt: number;
  endsAt: number;
  form?: DateForm;
}): Record<string, unknown> {
  return {
    granted_at: legacyDate(grant.grantedAt, grant.form),
    expires_at: legacyDate(grant.endsAt, grant.form),
    plan: "premium",
    duration_days: grant.days,
    client_ip: grant.ip,
    email: grant.email,
    payment_info: { provider: "stripe", amount: 999 },
  };
}

/** An older writer gave shorter lives. */
async function writeUsage(
  writer: LegacyWriter,
  random: Random,
  [kind, subject]: ["user" | "email" | "ip", string],
  now: number,
): Promise<void> {
  const [daily, monthly] = usageIds(kind, subject, now);
  const older = kind === "user" || random.chance(0.2);
  const today = 1 + random.below(9);
  await writer.counter(daily, today, older ? DAY : 2_592_000);
  await writer.counter(monthly, today + random.below(60), older ? 2_678_400 : 31_536_000);
}

async function writeLogLine(writer: LegacyWriter, n: number, email: string, ip: string, now: number): Promise<void> {
  const at = now - (n % 500) * 1000;
  const timestamp = legacyDate(at);
  const line = { timestamp, client_ip: ip, email, date: timestamp.slice(0, 10), month: timestamp.slice(0, 7) };
  await writer.record("usage_log", `${ip}:${(at / 1000).toFixed(3)}${n % 1000}`, line, 604_800);
}

export function session(random: Random, n: number, userId: string | null, now: number): Record<string, unknown> {
  return {
    user_id: userId,
    session_token: `tok-${n}`,
    refresh_token: `ref-${random.below(1e9)}`,
    device_id: `dev-${n % 7}`,
    ip_address: ipOf(n),
    user_agent: "Mozilla/5.0",
    device_name: "Zoë's laptop",
    is_active: true,
    is_remember_me: false,
    created_at: legacyDate(now),
    expires_at: legacyDate(now + 30 * DAY_MS),
    last_used_at: legacyDate(now),
  };
}

export function thread(n: number): Record<string, unknown> {
  return {
    tweets: [`1/2 Thread ${n}`, "2/2 done 🧵"],
    title: `Thread ${n}`,
    original_content: "An article.",
    source_url: `https://example.org:8443/a/${n}?x=1:2`,
    ai_model: "m-1",
    generation_time_ms: 1234.5,
    _cached_at: 12345.678,
    _ttl: DAY,
  };
}
