/** What gives access: a user's subscription, or a premium grant to an email or an IP address. */
import { sql } from "drizzle-orm";
import { boolean, check, index, integer, jsonb, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { syncColumns } from "./sync-columns.js";

const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

export const subscriptions = pgTable(
  "subscriptions",
  {
    /** The record's id: `user:{id}`, `email:{email in lower case}` or `ip:{ip}`. */
    holder: text("holder").primaryKey(),
    /** The part of `holder` before its first colon. */
    holderKind: text("holder_kind"),
    userId: text("user_id"),
    email: text("email"),
    /** Text and not `inet`: some legacy programs wrote a name where they had no address. Null for the placeholder 0.0.0.0. */
    ip: text("ip"),
    /** `subscription` for a user, `grant` for an email or an address. */
    kind: text("kind"),
    subscriptionId: text("subscription_id"),
    customerId: text("customer_id"),
    priceId: text("price_id"),
    productId: text("product_id"),
    planName: text("plan_name"),
    planDisplayName: text("plan_display_name"),
    status: text("status"),
    tierLevel: integer("tier_level"),
    /** -1 is unlimited. */
    threadLimit: integer("thread_limit"),
    features: text("features").array(),
    isAnnual: boolean("is_annual"),
    /** Cents. */
    monthlyPrice: integer("monthly_price"),
    /** Cents. */
    annualPrice: integer("annual_price"),
    currentPeriodStart: moment("current_period_start"),
    currentPeriodEnd: moment("current_period_end"),
    cancelAtPeriodEnd: boolean("cancel_at_period_end"),
    /** The value's own `expires_at`: when access ends. The row itself outlives it, see `sync_expires_at`. */
    endsAt: moment("ends_at"),
    grantedAt: moment("granted_at"),
    durationDays: integer("duration_days"),
    paymentInfo: jsonb("payment_info"),
    ...syncColumns(),
  },
  (table) => [
    // Both pass for a tombstone, whose typed columns are null.
    check("subscriptions_holder_kind_check", sql`${table.holderKind} in ('user', 'email', 'ip')`),
    check("subscriptions_kind_check", sql`${table.kind} in ('subscription', 'grant')`),
    index("subscriptions_subscription_id_idx").on(table.subscriptionId),
    index("subscriptions_sync_expires_at_idx").on(table.syncExpiresAt),
  ],
);
