/** The collection of what gives access: user subscriptions and premium grants, by their holder. */
import { defineRecords, type RecordsDefinition } from "../engine/define-records.js";
import { escapeGlob, type KeyContext } from "../engine/key-pattern.js";
import { ValidationError } from "../errors.js";
import { subscriptions } from "../schema/subscriptions.js";
import type { SetMembership } from "../stores/collection.js";
import { knownAddress } from "./addresses.js";
import { isNormalisedEmail, normaliseEmail } from "./emails.js";
import { isLegacyObject, type LegacyObject, objectSchema } from "./legacy-object.js";
import { pythonJson } from "./python-json.js";
import {
  booleanColumn,
  identifier,
  integerColumn,
  jsonColumn,
  momentColumn,
  textColumn,
  textsColumn,
} from "./typed-columns.js";

export type HolderKind = "user" | "email" | "ip";

/** What a legacy key holds for a user. Any field may be absent or, in damaged data, of another type. */
export interface LegacySubscription extends LegacyObject {
  readonly subscription_id?: unknown;
  readonly status?: unknown;
  readonly expires_at?: unknown;
  readonly current_period_end?: unknown;
}

/** What a legacy key holds for an email or an address. */
export interface LegacyGrant extends LegacyObject {
  readonly granted_at?: unknown;
  readonly expires_at?: unknown;
  readonly duration_days?: unknown;
}

/** A holder's value: a subscription under `user:`, a grant under `email:` and `ip:`. */
export type HolderValue = LegacySubscription | LegacyGrant;

/** What stands before a holder's own name in its legacy key. */
const KEY_PARTS: Readonly<Record<HolderKind, string>> = {
  user: "subscription:user:",
  email: "premium:email:",
  ip: "premium:ip:",
};
const KINDS = Object.keys(KEY_PARTS) as HolderKind[];

/**
 * One glob has to list three families of keys, so it takes the letters that `subscription:user:` and `premium:email:` or
 * `premium:ip:` have at each place. Of the legacy keys it lists one too many, `subscriptions:active`.
 */
const KEY_GLOB = "[sp][ur][be][sm][ci][ru][im][p:][tei][imp]*";

/** The id of a holder. Emails are normalised; the other two are taken as given. */
export function holderId(kind: HolderKind, name: string): string {
  return `${kind}:${kind === "email" ? normaliseEmail(name) : name}`;
}

/** Takes a holder's id apart; null for anything else. An email may be in any case. */
export function parseHolder(id: string): { kind: HolderKind; name: string } | null {
  const kind = KINDS.find((each) => id.startsWith(`${each}:`) && id.length > each.length + 1);
  return kind ? { kind, name: id.slice(kind.length + 1) } : null;
}

/** The holder's id of a legacy key, an email's case untouched; null for a key of something else. */
export function holderOfKey(key: string, prefix: string): string | null {
  if (!key.startsWith(prefix)) return null;
  const kind = KINDS.find((each) => key.startsWith(KEY_PARTS[each], prefix.length));
  const name = kind && key.slice(prefix.length + KEY_PARTS[kind].length);
  return name ? `${kind}:${name}` : null;
}

/** The subscription id that a record is found by: only users' subscriptions are. */
export function subscriptionIdOf(id: string, value: LegacyObject): string | null {
  return id.startsWith("user:") ? identifier(value.subscription_id) : null;
}

/**
 * Defines the collection `subscriptions`. Ids are holders: `user:{id}`, `email:{email in lower case}`, `ip:{ip}`; values are
 * the legacy objects. `zone` is that of date-times without one.
 */
export function subscriptionsCollection({ zone }: { readonly zone: string }): RecordsDefinition<HolderValue> {
  return defineRecords<HolderValue>({
    name: "subscriptions",
    priority: "critical",
    redis: {
      key: redisKey,
      parse,
      pattern: ({ prefix }) => escapeGlob(prefix) + KEY_GLOB,
      examples: ["ip:{192.0.2.1}", "email:{ann@example.org}", "user:{42}"],
      codec: pythonJson(),
      sets,
    },
    postgres: { table: subscriptions, id: subscriptions.holder, columns: (value, id) => columns(value, id, zone) },
    schema: objectSchema<HolderValue>(),
    indexes: {
      subscriptionId: { column: subscriptions.subscriptionId, value: (value, id) => subscriptionIdOf(id, value) },
    },
  });
}

function redisKey(id: string, { prefix }: KeyContext): string {
  const holder = parseHolder(id);
  if (!holder)
    throw new ValidationError([
      { path: "id", message: 'a holder begins with "user:", "email:" or "ip:", followed by a name' },
    ]);
  return prefix + KEY_PARTS[holder.kind] + holder.name;
}

/** A key for an email in another spelling is no record of its own: see variantOf. */
function parse(key: string, { prefix }: KeyContext): string | null {
  const id = holderOfKey(key, prefix);
  return id?.startsWith("email:") && !isNormalisedEmail(id.slice("email:".length)) ? null : id;
}

function sets(id: string, value: HolderValue | null, { prefix }: KeyContext): SetMembership[] {
  const holder = parseHolder(id);
  if (holder?.kind !== "user") return [];
  return [{ key: `${prefix}subscriptions:active`, member: holder.name, present: value?.status === "active" }];
}

function columns(value: HolderValue, id: string, zone: string): Record<string, unknown> {
  const holder = parseHolder(id);
  if (!holder) throw new ValidationError([{ path: "id", message: "not a holder" }]);
  const { kind, name } = holder;
  return {
    holderKind: kind,
    kind: kind === "user" ? "subscription" : "grant",
    userId: kind === "user" ? name : null,
    email: kind === "email" ? normaliseEmail(name) : grantEmail(value, kind),
    // The placeholder is nobody's address: a query by address must not meet it.
    ip: kind === "user" ? null : knownAddress(kind === "ip" ? name : textColumn(value.client_ip)),
    subscriptionId: subscriptionIdOf(id, value),
    customerId: identifier(value.customer_id),
    priceId: identifier(value.price_id),
    productId: identifier(value.product_id),
    planName: textColumn(kind === "user" ? value.plan_name : value.plan),
    planDisplayName: textColumn(value.plan_display_name),
    status: textColumn(value.status),
    tierLevel: integerColumn(value.tier_level),
    threadLimit: integerColumn(value.thread_limit),
    features: textsColumn(value.features),
    isAnnual: booleanColumn(value.is_annual),
    monthlyPrice: integerColumn(value.monthly_price),
    annualPrice: integerColumn(value.annual_price),
    currentPeriodStart: momentColumn(value.current_period_start, zone),
    currentPeriodEnd: momentColumn(value.current_period_end, zone),
    cancelAtPeriodEnd: booleanColumn(value.cancel_at_period_end),
    endsAt: momentColumn(value.expires_at, zone),
    grantedAt: momentColumn(value.granted_at, zone),
    durationDays: integerColumn(value.duration_days),
    paymentInfo: isLegacyObject(value.payment_info) ? jsonColumn(value.payment_info) : null,
  };
}

/** An address's grant names the email that it was given to. */
function grantEmail(value: HolderValue, kind: HolderKind): string | null {
  const email = kind === "ip" ? textColumn(value.email) : null;
  return email === null ? null : normaliseEmail(email) || null;
}
