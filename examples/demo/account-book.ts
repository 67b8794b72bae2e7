/** The people whom one client acts for, and what it may expect of them: nobody else writes their keys. */
import type { Desk } from "./desk.js";
import type { LegacyKeyspace } from "./legacy-keyspace.js";
import { type Access, FREE, type Person } from "./legacy-people.js";
import type { Random } from "./random.js";

/** What a client sees of the demo. */
export interface World {
  /** The client's number. */
  readonly n: number;
  readonly desk: Desk;
  readonly legacy: LegacyKeyspace;
  readonly random: Random;
  /** The moment that all uses are counted for, so that midnight changes nothing. */
  readonly now: number;
  readonly shared: SharedRecords;
  /** Whether second keys find legacy records: from the first backfill on. */
  readonly indexed: () => boolean;
}

/** Records that all clients update, each client in a lane of its own. */
export interface SharedRecords {
  readonly emails: readonly string[];
  readonly ids: readonly string[];
  readonly lanes: readonly string[];
}

export interface Account {
  readonly email: string;
  readonly ip: string;
  readonly userId: string | null;
  subscription: Person["subscription"];
  /** Undefined after a write of unknown outcome. */
  signedUp: boolean | undefined;
  /** What a question for access must be answered with; undefined after a write of unknown outcome. */
  access: Access | undefined;
}

/** New people that a client signs up at most. */
const NEWCOMERS = 25;

export class AccountBook {
  readonly accounts: Account[];
  /** Sessions that end soon, in the order in which they were opened. */
  readonly sessions: string[] = [];
  readonly #n: number;
  #newcomers = 0;

  constructor(n: number, people: readonly Person[]) {
    this.#n = n;
    this.accounts = people.map(({ email, ip, userId, subscription, signedUp, access }) => ({
      email,
      ip,
      userId,
      subscription,
      signedUp,
      access,
    }));
  }

  /** Somebody who hasn't signed up yet; undefined when there are enough. */
  newcomer(): Account | undefined {
    if (this.#newcomers === NEWCOMERS) return undefined;
    const name = `${this.#n}-${this.#newcomers++}`;
    const account: Account = {
      email: `newcomer${name}@demo.example`,
      ip: `198.51.${100 + this.#n}.${this.#newcomers}`,
      userId: this.#newcomers % 2 === 0 ? `new_${name}` : null,
      subscription: null,
      signedUp: false,
      access: FREE,
    };
    this.accounts.push(account);
    return account;
  }
}

/** The records that may give the person access. */
export function holdersOf({ userId, email, ip }: Account): string[] {
  return [...(userId === null ? [] : [`user:${userId}`]), `email:${email}`, `ip:${ip}`];
}

/** Under which of their names a person's use is counted. */
export function subjectOf({ userId, email, ip }: Account): ["user" | "email" | "ip", string] {
  if (userId !== null) return ["user", userId];
  return email.length % 2 === 0 ? ["email", email] : ["ip", ip];
}
