/** What a client asks the backend, and what it holds the answers against. */
import { type AccountBook, holdersOf, subjectOf, type World } from "./account-book.js";
import type { Breach } from "./judge.js";
import { usageIds } from "./legacy-form.js";
import { type Access, FREE, GRANTED, NO_ACCESS } from "./legacy-people.js";

export class ClientReads {
  readonly #world: World;
  readonly #book: AccountBook;

  constructor(world: World, book: AccountBook) {
    this.#world = world;
    this.#book = book;
  }

  async askForAccess(): Promise<void> {
    const { desk, random } = this.#world;
    if (random.chance(0.05)) return this.#expectAccess("ip:0.0.0.0", { ip: "0.0.0.0" }, FREE);
    const account = random.pick(this.#book.accounts);
    const { email, ip, userId } = account;
    const expected = account.access;
    if (expected)
      return this.#expectAccess(`access of ${email}`, { email, ip, ...(userId === null ? {} : { userId }) }, expected);
    await desk.ask("/access", { person: { email } });
  }

  async #expectAccess(name: string, person: object, expected: Access, breach: Breach = "lost"): Promise<void> {
    const { desk } = this.#world;
    const answer = await desk.ask<{ hasAccess: boolean; tierLevel: number }>("/access", { person });
    if (!answer || answer.fallback) return;
    const { hasAccess, tierLevel } = answer.body;
    if (hasAccess === expected.hasAccess && tierLevel === expected.tier) return;
    const what = `access ${hasAccess} at tier ${tierLevel} instead of ${expected.hasAccess} at tier ${expected.tier}`;
    desk.findings.add({ breach, what }, name, "a client's read");
  }

  /** A grant stops at its moment, though its key lives on for a week. */
  async askForLapsing(): Promise<void> {
    const { email, endsAt } = this.#world.random.pick(this.#world.legacy.lapsing);
    const left = endsAt - Date.now();
    // Too close to say which answer is right, the more so where the stores' clocks aren't this machine's.
    if (Math.abs(left) < 3000) return;
    const [expected, breach] = left > 0 ? ([GRANTED, "lost"] as const) : ([NO_ACCESS, "expired"] as const);
    await this.#expectAccess(`access of ${email}`, { email }, expected, breach);
  }

  async readSomebody(): Promise<void> {
    const { desk, legacy, random } = this.#world;
    const people = Array.from({ length: 8 }, () => random.pick(legacy.people));
    if (random.chance(0.5)) return desk.readRecords("users", unique(people.map(({ email }) => email)));
    const holders = people.map(({ userId, email }) => (userId === null ? `email:${email}` : `user:${userId}`));
    await desk.readRecords("subscriptions", unique([...holders, `email:bypass${random.below(60)}@cron.example`]));
  }

  async readOwn(): Promise<void> {
    const { desk, random } = this.#world;
    const account = random.pick(this.#book.accounts);
    if (random.chance(0.5)) return desk.readRecords("users", [account.email, `bypass${random.below(60)}@cron.example`]);
    await desk.readRecords("subscriptions", holdersOf(account));
  }

  async readUsage(): Promise<void> {
    const { desk, legacy, random, now } = this.#world;
    const ids = random.chance(0.4)
      ? usageIds("ip", random.pick(legacy.sharedAddresses), now)
      : usageIds(...subjectOf(random.pick(this.#book.accounts)), now);
    await desk.readCounters(ids);
  }

  async readWhatEnds(): Promise<void> {
    const { desk, legacy, random } = this.#world;
    const own = this.#book.sessions.slice(-12);
    await desk.readRecords(
      "user_sessions",
      unique([...own, random.pick(legacy.shortLived), random.pick(legacy.shortLived)]),
    );
  }

  async readShared(): Promise<void> {
    const { desk, random, shared } = this.#world;
    await desk.readRecords("users", [random.pick(shared.emails)], shared.lanes);
  }
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
