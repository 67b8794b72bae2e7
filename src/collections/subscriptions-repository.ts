/** Subscriptions of users and premium grants to emails and addresses: write them, find them, and ask for access. */
import type { Access } from "./access.js";
import { type CheckAccessOptions, checkAccess, type Person } from "./access-check.js";
import { toStored, toView } from "./fields.js";
import { type GrantHolder, type GrantOptions, newGrant, type PremiumGrant } from "./grant.js";
import { refuse, requireName, requireObject } from "./inputs.js";
import { DEFAULT_ZONE } from "./legacy-dates.js";
import type { LegacyObject } from "./legacy-object.js";
import type { CallOptions, Clock, Records } from "./ports.js";
import { subscriptionExpiry } from "./retention.js";
import { SUBSCRIPTION_FIELDS, type Subscription, type SubscriptionInput } from "./subscription-fields.js";
import { type HolderValue, holderId, parseHolder } from "./subscriptions.js";

export interface SubscriptionsRepositoryOptions {
  readonly records: Records<HolderValue>;
  readonly clock: Clock;
  /** The zone in which date-times are written, and read where they carry none. @default "UTC" */
  readonly zone?: string;
}

export class SubscriptionsRepository {
  readonly #records: Records<HolderValue>;
  readonly #clock: Clock;
  readonly #zone: string;

  constructor({ records, clock, zone = DEFAULT_ZONE }: SubscriptionsRepositoryOptions) {
    this.#records = records;
    this.#clock = clock;
    this.#zone = zone;
  }

  /**
   * Grants premium from now on, to an email and an address together in one operation. Replaces what they were granted before.
   *
   * @example
   * await store.subscriptions.grantPremium({ email, ip }, { plan: "pro", days: 30, paymentInfo: { id: "pay_1" } });
   * @throws ValidationError where neither an email nor an address is given; AuthorityUnavailableError, OutcomeUnknownError
   */
  async grantPremium(holder: GrantHolder, options: GrantOptions): Promise<PremiumGrant> {
    const { grant, entries, call } = newGrant(holder, options, this.#clock.now(), this.#zone);
    await this.#records.putMany(entries, call);
    return grant;
  }

  /**
   * Writes a user's subscription, whatever stood before.
   * @throws ValidationError naming each wrong field; AuthorityUnavailableError, OutcomeUnknownError
   */
  async putForUser(userId: string, subscription: SubscriptionInput, options?: CallOptions): Promise<Subscription> {
    const id = holderId("user", requireName(userId, "userId"));
    const value = this.#stored(userId, subscription);
    await this.#records.put(id, value, {
      ...options,
      expiresAt: subscriptionExpiry(value, this.#clock.now(), this.#zone),
    });
    return view(id, value);
  }

  /** @throws ValidationError; AuthorityUnavailableError when it can't be known whether there is one */
  async findForUser(userId: string, options?: CallOptions): Promise<Subscription | null> {
    const id = holderId("user", requireName(userId, "userId"));
    const value = await this.#records.get(id, options);
    return value && view(id, value);
  }

  /** @throws ValidationError; AuthorityUnavailableError when it can't be known whether there is one */
  async findBySubscriptionId(subscriptionId: string, options?: CallOptions): Promise<Subscription | null> {
    const found = await this.#records.findBy("subscriptionId", requireName(subscriptionId, "subscriptionId"), options);
    return found && view(found.id, found.value);
  }

  /**
   * Changes the given fields of a subscription and no others; null if there is none with this id.
   *
   * @example
   * await store.subscriptions.updateBySubscriptionId("sub_1", { currentPeriodEnd: new Date("2027-01-01") });
   * @throws ValidationError; AuthorityUnavailableError when it can't be known; ConflictError when others keep coming first
   */
  async updateBySubscriptionId(
    subscriptionId: string,
    patch: SubscriptionInput,
    options?: CallOptions,
  ): Promise<Subscription | null> {
    requireName(subscriptionId, "subscriptionId");
    this.#stored(null, patch); // Refused before anything is sent.
    const now = this.#clock.now();
    const changed = await this.#records.updateBy(
      "subscriptionId",
      subscriptionId,
      (stored, id) => ({ ...stored, ...this.#stored(parseHolder(id)?.name ?? null, patch) }),
      // How long the record is kept follows from both ends, of which the patch may have one.
      { ...options, expiresAt: (value) => subscriptionExpiry(value, now, this.#zone) },
    );
    return changed && view(changed.id, changed.value);
  }

  /** Sets the status `inactive` and nothing else. As updateBySubscriptionId. */
  deactivate(subscriptionId: string, options?: CallOptions): Promise<Subscription | null> {
    return this.updateBySubscriptionId(subscriptionId, { status: "inactive" }, options);
  }

  /** Sets the status `active` and nothing else: give a new period by updateBySubscriptionId. As that. */
  reactivate(subscriptionId: string, options?: CallOptions): Promise<Subscription | null> {
    return this.updateBySubscriptionId(subscriptionId, { status: "active" }, options);
  }

  /** Sets the status `past_due` and nothing else. As updateBySubscriptionId. */
  markPastDue(subscriptionId: string, options?: CallOptions): Promise<Subscription | null> {
    return this.updateBySubscriptionId(subscriptionId, { status: "past_due" }, options);
  }

  /**
   * Whether a person has access, by whichever of user id, email and address are known; see access.ts for the rule. All are
   * read at once. An error counts only where it could have changed the answer.
   *
   * @example
   * const { hasAccess, threadLimit } = await store.subscriptions.checkAccess({ userId, email, ip }, { onError: "deny" });
   * @throws ValidationError for wrong input, whatever `onError` says; with "throw" AuthorityUnavailableError and the like
   */
  checkAccess(person: Person, options: CheckAccessOptions = {}): Promise<Access> {
    return checkAccess(this.#records, person, options, () => this.#clock.now(), this.#zone);
  }

  /** Checks and renames what callers give. The user's id is in the key; given as well it must be the same. */
  #stored(userId: string | null, input: SubscriptionInput): LegacyObject {
    const { userId: given, ...fields } = requireObject(input, "subscription");
    if (userId !== null && given !== undefined && given !== userId)
      refuse("userId", "the subscription is another user's");
    return toStored(fields, SUBSCRIPTION_FIELDS, this.#zone);
  }
}

function view(id: string, stored: LegacyObject): Subscription {
  return { ...toView(stored, SUBSCRIPTION_FIELDS), userId: parseHolder(id)?.name ?? "" };
}
