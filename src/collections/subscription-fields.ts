/** The fields of a user's subscription, as callers give and get them. */
import { type Fields, isDate, isFlag, isText, isTexts, isWholeNumber } from "./fields.js";

/** What a user subscription has. Other fields pass unchanged. */
export interface SubscriptionFields<Moment> {
  readonly subscriptionId?: string | null;
  readonly customerId?: string | null;
  readonly priceId?: string | null;
  readonly productId?: string | null;
  readonly planName?: string | null;
  readonly planDisplayName?: string | null;
  /** `active` and `trialing` give access; others are `past_due`, `inactive`, `canceled` and `cancelled`. */
  readonly status?: string | null;
  /** 0 to 3. */
  readonly tierLevel?: number | null;
  /** -1 is unlimited. */
  readonly threadLimit?: number | null;
  readonly features?: readonly string[] | null;
  readonly isAnnual?: boolean | null;
  /** Cents. */
  readonly monthlyPrice?: number | null;
  /** Cents. */
  readonly annualPrice?: number | null;
  readonly currentPeriodStart?: Moment | null;
  readonly currentPeriodEnd?: Moment | null;
  readonly cancelAtPeriodEnd?: boolean | null;
  /** When access ends; what it says goes before `currentPeriodEnd`. */
  readonly expiresAt?: Moment | null;
  readonly [field: string]: unknown;
}

/** A user's subscription. Date-times are ISO texts; where they carry no offset they are in the store's zone. */
export interface Subscription extends SubscriptionFields<string> {
  /** The user who holds it. */
  readonly userId: string;
}

/** What is written of a subscription. Known fields may also have their snake_case names; date-times may be Dates. */
export type SubscriptionInput = SubscriptionFields<Date | string>;

export const SUBSCRIPTION_FIELDS: Fields = {
  subscriptionId: { stored: "subscription_id", check: isText },
  customerId: { stored: "customer_id", check: isText },
  priceId: { stored: "price_id", check: isText },
  productId: { stored: "product_id", check: isText },
  planName: { stored: "plan_name", check: isText },
  planDisplayName: { stored: "plan_display_name", check: isText },
  status: { stored: "status", check: isText },
  tierLevel: { stored: "tier_level", check: isWholeNumber(0, 3) },
  threadLimit: { stored: "thread_limit", check: isWholeNumber(-1) },
  features: { stored: "features", check: isTexts },
  isAnnual: { stored: "is_annual", check: isFlag },
  monthlyPrice: { stored: "monthly_price", check: isWholeNumber(0) },
  annualPrice: { stored: "annual_price", check: isWholeNumber(0) },
  currentPeriodStart: { stored: "current_period_start", check: isDate },
  currentPeriodEnd: { stored: "current_period_end", check: isDate },
  cancelAtPeriodEnd: { stored: "cancel_at_period_end", check: isFlag },
  expiresAt: { stored: "expires_at", check: isDate },
};
