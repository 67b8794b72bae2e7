/** What a client has the backend write: in the journal before it is sent, and after with what was answered. */
import { type Account, type AccountBook, subjectOf, type World } from "./account-book.js";
import type { RecordKey } from "./journal.js";
import { markField } from "./judge.js";
import { usageIds } from "./legacy-form.js";
import { GRANTED, NO_ACCESS, session } from "./legacy-people.js";

const MONTH_MS = 30 * 86_400_000;

export class ClientWrites {
  readonly #world: World;
  readonly #book: AccountBook;
  #made = 0;

  constructor(world: World, book: AccountBook) {
    this.#world = world;
    this.#book = book;
  }

  async countUse(): Promise<void> {
    const { desk, legacy, random, now } = this.#world;
    const by = random.chance(0.8) ? 1 : 2 + random.below(3);
    const [kind, name] = random.chance(0.4)
      ? (["ip", random.pick(legacy.sharedAddresses)] as const)
      : subjectOf(random.pick(this.#book.accounts));
    const intent = desk.journal.intendToCount(usageIds(kind, name, now), by);
    const subject = { [kind === "user" ? "userId" : kind]: name };
    await desk.write("/usage/track", { subject, by, at: now }, intent, { repeat: random.chance(0.15) });
  }

  async grant(): Promise<void> {
    const { desk, random } = this.#world;
    const account = random.pick(this.#book.accounts);
    if (account.subscription) return;
    const { email, ip } = account;
    const keys: RecordKey[] = [{ collection: "subscriptions", id: `email:${email}` }];
    const withIp = random.chance(0.5);
    if (withIp) keys.push({ collection: "subscriptions", id: `ip:${ip}` });
    const intent = desk.journal.intend(keys, "put");
    const grant = { plan: "premium", days: 30, paymentInfo: { [markField()]: intent.mark } };
    account.access = undefined;
    const granted = await desk.write("/grants", { holder: withIp ? { email, ip } : { email }, grant }, intent);
    if (granted) account.access = GRANTED;
  }

  async updateUser(): Promise<void> {
    const { desk, random } = this.#world;
    const account = random.pick(this.#book.accounts);
    if (!account.signedUp) return;
    const key = { collection: "users", id: account.email };
    const id = this.#world.indexed() ? await this.#idOf(account) : null;
    const intent = desk.journal.intend([key], "put");
    const fields = { [markField()]: intent.mark, role: "premium" };
    // Before the first backfill no key finds a legacy user by id; the email always does.
    if (id) await desk.write("/users/update", { id, fields }, intent, { mustExist: key });
    else await desk.write("/records/update", { ...key, fields }, intent, { mustExist: key });
  }

  async updateSubscription(): Promise<void> {
    const { desk, random, now } = this.#world;
    const account = random.pick(this.#book.accounts);
    const { subscription, userId } = account;
    if (userId === null) return;
    const key = { collection: "subscriptions", id: `user:${userId}` };
    if (!subscription) return this.#subscribe(account, userId);
    // Legacy ones are found by their second key once it was built.
    if (!this.#world.indexed() && !subscription.id.startsWith("sub_new")) return;
    const status = random.pick(["active", "active", "past_due", "inactive"]);
    const intent = desk.journal.intend([key], "put");
    account.access = undefined;
    const end = new Date(now + MONTH_MS);
    const patch = { status, monthlyPrice: intent.mark, currentPeriodEnd: end, expiresAt: end };
    const body = { id: subscription.id, patch };
    const updated = await desk.write("/subscriptions/update", body, intent, { mustExist: key });
    if (updated) account.access = status === "active" ? { hasAccess: true, tier: subscription.tier } : NO_ACCESS;
  }

  async #subscribe(account: Account, userId: string): Promise<void> {
    const { desk, random, n, now } = this.#world;
    const tier = 1 + random.below(3);
    const id = `sub_new_${n}_${this.#made++}`;
    const intent = desk.journal.intend([{ collection: "subscriptions", id: `user:${userId}` }], "put");
    account.access = undefined;
    const end = new Date(now + MONTH_MS);
    const subscription = {
      subscriptionId: id,
      status: "active",
      planName: "pro",
      tierLevel: tier,
      threadLimit: 100,
      features: ["basic_threads"],
      monthlyPrice: intent.mark,
      currentPeriodEnd: end,
      expiresAt: end,
    };
    if (await desk.write("/subscriptions/put", { userId, subscription }, intent)) {
      account.subscription = { id, tier };
      account.access = { hasAccess: true, tier };
    }
  }

  async deleteOrSignUp(): Promise<void> {
    const { desk, random } = this.#world;
    const account = (random.chance(0.3) ? this.#book.newcomer() : undefined) ?? random.pick(this.#book.accounts);
    const key = { collection: "users", id: account.email };
    if (account.signedUp === false) return this.#signUp(account);
    if (!account.signedUp || !this.#world.indexed()) return;
    const id = await this.#idOf(account);
    if (id === null) return;
    const intent = desk.journal.intend([key], "delete");
    account.signedUp = undefined;
    if (await desk.write("/users/delete", { id }, intent, { mustExist: key })) account.signedUp = false;
    await desk.readRecords("users", [account.email]);
  }

  async #signUp(account: Account): Promise<void> {
    const { desk } = this.#world;
    const key = { collection: "users", id: account.email };
    const intent = desk.journal.intend([key], "put");
    const user = {
      email: account.email,
      source: "demo",
      [markField()]: intent.mark,
      ...(account.userId === null ? {} : { id: account.userId }),
    };
    account.signedUp = undefined;
    if (await desk.write("/users/create", { user }, intent, { mustNotExist: key })) account.signedUp = true;
  }

  async openSession(): Promise<void> {
    const { desk, random, n } = this.#world;
    const id = `s-${n}-${this.#made++}`;
    const expiresAt = Date.now() + 700 + random.below(6000);
    const intent = desk.journal.intend([{ collection: "user_sessions", id }], "put", { expiresAt });
    const value = { ...session(random, n, null, Date.now()), [markField()]: intent.mark };
    if (await desk.write("/records/put", { collection: "user_sessions", id, value, expiresAt }, intent))
      this.#book.sessions.push(id);
  }

  /** Others update other fields of it at the same time; each of these updates has to survive. */
  async updateShared(): Promise<void> {
    const { desk, random, shared, n } = this.#world;
    const which = random.below(shared.emails.length);
    const lane = shared.lanes[n] as string;
    const key = { collection: "users", id: shared.emails[which] as string, lane };
    const intent = desk.journal.intend([key], "put");
    const body = { id: shared.ids[which], fields: { [markField(lane)]: intent.mark } };
    await desk.write("/users/update", body, intent, { mustExist: key });
  }

  /** The user's id as the backend tells it. */
  async #idOf(account: Account): Promise<string | null> {
    const { desk } = this.#world;
    const answer = await desk.ask<{ id: string } | null>("/users/find", { email: account.email });
    if (answer && !answer.fallback && answer.body === null) desk.missed({ collection: "users", id: account.email });
    return answer?.body?.id ?? null;
  }
}
