/** Fills an empty Redis with the keyspace of an application that has run for years: people, oddities, and what is about to end. */
import { Redis } from "ioredis";
import type { Journal } from "./journal.js";
import { usageIds } from "./legacy-form.js";
import { type Oddities, writeOddities } from "./legacy-oddities.js";
import { grantValue, type Person, session, writePerson } from "./legacy-people.js";
import { LegacyWriter } from "./legacy-writer.js";
import { Random } from "./random.js";

export interface LegacyOptions {
  readonly redisUrl: string;
  readonly journal: Journal;
  readonly people: number;
  readonly seed: number;
  /** Milliseconds within which records with short lives end. */
  readonly duration: number;
  /** Now, and the day of all counters. Milliseconds since the epoch. */
  readonly now: number;
}

/** A grant whose key outlives the moment at which it stops giving access. */
export interface Lapsing {
  readonly email: string;
  readonly endsAt: number;
}

export interface LegacyKeyspace extends Oddities {
  readonly people: readonly Person[];
  readonly lapsing: readonly Lapsing[];
  /** Ids of sessions that end while the demo runs. */
  readonly shortLived: readonly string[];
  /** Addresses whose use many programs count. */
  readonly sharedAddresses: readonly string[];
  readonly keys: number;
}

const SHARED_ADDRESSES = 6;

export async function fillLegacyKeyspace(options: LegacyOptions): Promise<LegacyKeyspace> {
  const { journal, now } = options;
  const redis = new Redis(options.redisUrl, { lazyConnect: true, maxRetriesPerRequest: 1 });
  await redis.connect();
  try {
    const random = new Random(options.seed);
    const writer = new LegacyWriter(redis, journal, now);
    const people: Person[] = [];
    for (let n = 0; n < options.people; n++) people.push(await writePerson(writer, random, n, now));
    const oddities = await writeOddities(writer, Math.max(3, Math.ceil(options.people / 1000)), now);
    const ending = await writeEnding(writer, random, options);
    const sharedAddresses = Array.from({ length: SHARED_ADDRESSES }, (_, n) => `203.0.113.${n + 1}`);
    for (const [n, ip] of sharedAddresses.entries()) {
      const [daily, monthly] = usageIds("ip", ip, now);
      await writer.counter(daily, n, 2_592_000);
      await writer.counter(monthly, n * 10, 31_536_000);
    }
    await writer.flush();
    return { ...oddities, ...ending, people, sharedAddresses, keys: writer.keys };
  } finally {
    redis.disconnect();
  }
}

/** Spread evenly over the demo, so that in each week something ends. */
async function writeEnding(
  writer: LegacyWriter,
  random: Random,
  { people, duration, now }: LegacyOptions,
): Promise<Pick<LegacyKeyspace, "lapsing" | "shortLived">> {
  const count = Math.max(40, Math.ceil(people / 100));
  const lapsing: Lapsing[] = [];
  const shortLived: string[] = [];
  for (let n = 0; n < count; n++) {
    const inMs = Math.round(2000 + (n / count) * duration);
    const token = `short-${n}`;
    shortLived.push(token);
    await writer.record("user_sessions", token, session(random, n, null, now), inMs / 1000);
    if (n % 4 !== 0) continue;
    const email = `lapsing${n}@example.net`;
    const endsAt = now + inMs;
    lapsing.push({ email, endsAt });
    // Long enough ago that it ends now: the key itself lives for another week.
    const value = grantValue({ email, ip: "0.0.0.0", days: 30, grantedAt: endsAt - 30 * 86_400_000, endsAt });
    await writer.record("subscriptions", `email:${email}`, value, inMs / 1000 + 604_800);
  }
  return { lapsing, shortLived };
}
