/** Counting uses, and telling how many there were. */
import { optionalAddress, optionalEmail, optionalName, refuse, requireObject } from "./inputs.js";
import type { CallOptions, Clock, Counters } from "./ports.js";
import { usageBuckets, usageId } from "./usage.js";

/** Whose use it is: exactly one of the three. */
export type UsageSubject = { readonly userId: string } | { readonly email: string } | { readonly ip: string };

export interface TrackOptions extends CallOptions {
  /** How many uses, a whole number from 1. @default 1 */
  readonly by?: number;
  /** When it was, a Date or milliseconds since the epoch: decides the day and the month (UTC). @default now, by the authority's clock */
  readonly at?: Date | number;
}

/** How many uses a day and its month have. */
export interface UsageStats {
  readonly today: number;
  readonly thisMonth: number;
}

export interface UsageRepositoryOptions {
  readonly counters: Counters;
  readonly clock: Clock;
}

export class UsageRepository {
  readonly #counters: Counters;
  readonly #clock: Clock;

  constructor({ counters, clock }: UsageRepositoryOptions) {
    this.#counters = counters;
    this.#clock = clock;
  }

  /**
   * Counts a use: the day's and the month's counter rise together. Returns what both stand at. Repeated with the same
   * `operationId` it counts once; keep `at` too then, or a repetition after midnight counts for the new day.
   *
   * @example
   * await store.usage.track({ userId: "42" }); // { today: 1, thisMonth: 1 }
   * @throws ValidationError for no subject or several, the placeholder address 0.0.0.0, or a wrong `by` or `at`
   */
  async track(subject: UsageSubject, options?: TrackOptions): Promise<UsageStats> {
    const by = options?.by ?? 1;
    if (!Number.isSafeInteger(by) || by < 1) refuse("by", "a whole number from 1 is needed: counters only rise");
    const ids = counterIds(subject, this.#moment(options?.at));
    const sums = await this.#counters.add(
      [
        { id: ids.daily, by },
        { id: ids.monthly, by },
      ],
      options && callOptions(options),
    );
    return { today: sums.get(ids.daily) ?? 0, thisMonth: sums.get(ids.monthly) ?? 0 };
  }

  /**
   * How much was used this day and this month (UTC).
   * @throws ValidationError as `track`; AuthorityUnavailableError when it can't be known
   */
  async stats(subject: UsageSubject, options?: CallOptions): Promise<UsageStats> {
    const ids = counterIds(subject, this.#clock.now());
    const sums = await this.#counters.getMany([ids.daily, ids.monthly], options);
    return { today: sums.get(ids.daily) ?? 0, thisMonth: sums.get(ids.monthly) ?? 0 };
  }

  #moment(at: Date | number | undefined): number {
    if (at === undefined) return this.#clock.now();
    const moment = Number(at);
    if (!(moment >= 0 && moment < 253_402_300_800_000))
      refuse("at", "a Date or milliseconds since the epoch, before the year 10000, is needed");
    return moment;
  }
}

function callOptions({ by: _, at: __, ...call }: TrackOptions): CallOptions {
  return call;
}

function counterIds(subject: UsageSubject, moment: number): { daily: string; monthly: string } {
  const { kind, name } = subjectOf(subject);
  const buckets = usageBuckets(moment);
  return {
    daily: usageId({ kind, subject: name, period: "daily", bucket: buckets.daily }),
    monthly: usageId({ kind, subject: name, period: "monthly", bucket: buckets.monthly }),
  };
}

function subjectOf(subject: UsageSubject): { kind: "user" | "email" | "ip"; name: string } {
  const { userId, email, ip } = requireObject(subject, "subject");
  const user = optionalName(userId, "userId");
  const mail = optionalEmail(email);
  const address = optionalAddress(ip);
  if (user !== null && mail === null && address === null) return { kind: "user", name: user };
  if (mail !== null && user === null && address === null) return { kind: "email", name: mail };
  if (address !== null && user === null && mail === null) return { kind: "ip", name: address };
  refuse("subject", "give one of userId, email and ip; 0.0.0.0 counts as no address");
}
