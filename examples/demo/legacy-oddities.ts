/** What trips a naive reader of the legacy keyspace, each by its name and with the end it has to come to. */
import { DATE_FORMS, legacyDate, pythonDumps, RawJson, usageIds } from "./legacy-form.js";
import { grantValue, thread } from "./legacy-people.js";
import type { LegacyWriter } from "./legacy-writer.js";

export type Fate =
  /** Comes back byte for byte from either store; the journal follows it. */
  | "kept"
  /** Set aside with a reason, and left in Redis as it is. */
  | "set aside"
  /** Not the library's: left in Redis as it is. */
  | "left alone"
  /** Two spellings become one record, with the earlier sign-up's date and the later one's other fields. */
  | "merged"
  /** Ends while the demo runs; the journal follows it. */
  | "expires";

export interface Oddity {
  readonly name: string;
  readonly fate: Fate;
  /** Legacy keys; of merged ones the record's id. */
  readonly keys: readonly string[];
}

/** A pair of spellings, and what the merged record has to hold. */
export interface Merge {
  readonly id: string;
  readonly subscribedAt: string;
  readonly source: string;
}

export interface Oddities {
  readonly all: readonly Oddity[];
  readonly merges: readonly Merge[];
}

/** `copies`: how many of each there are. */
export async function writeOddities(writer: LegacyWriter, copies: number, now: number): Promise<Oddities> {
  const all: Oddity[] = [];
  const merges: Merge[] = [];
  const numbers = Array.from({ length: copies }, (_, n) => n);

  const kept = async (name: string, collection: string, id: (n: number) => string, value: (n: number) => unknown) => {
    for (const n of numbers) await writer.record(collection, id(n), value(n), 40 * 86_400);
    all.push({ name, fate: "kept", keys: numbers.map((n) => `${collection} ${id(n)}`) });
  };
  const raw = async (name: string, fate: "set aside" | "left alone", key: (n: number) => string, text: string) => {
    for (const n of numbers) await writer.string(key(n), text, null);
    all.push({ name, fate, keys: numbers.map(key) });
  };
  const typed = async (
    name: string,
    fate: "set aside" | "left alone",
    key: (n: number) => string,
    ...command: string[]
  ) => {
    const [verb = "", ...args] = command;
    for (const n of numbers) await writer.command(verb, key(n), ...args);
    writer.keys += copies;
    all.push({ name, fate, keys: numbers.map(key) });
  };

  for (const n of numbers) merges.push(await writeTwoSpellings(writer, n, now));
  all.push({ name: "mixed-case emails", fate: "merged", keys: merges.map(({ id }) => id) });

  const signUp = (fields: Record<string, unknown>) => ({ subscribed_at: legacyDate(now), source: "odd", ...fields });
  await kept(
    "IPv6 addresses",
    "subscriptions",
    (n) => `ip:2001:db8:ffff::${n.toString(16)}:1`,
    (n) =>
      grantValue({
        email: null,
        ip: `2001:db8:ffff::${n.toString(16)}:1`,
        days: 30,
        grantedAt: now,
        endsAt: now + 30 * 86_400_000,
      }),
  );
  await kept(
    "\\u0000 in text",
    "users",
    (n) => `nul${n}@odd.example`,
    () => signUp({ name: "a\u0000b" }),
  );
  await kept(
    "lone surrogates",
    "users",
    (n) => `surrogate${n}@odd.example`,
    () => signUp({ name: "x\ud800y" }),
  );
  await kept(
    "huge integers",
    "users",
    (n) => `huge${n}@odd.example`,
    () => signUp({ customer_number: new RawJson("123456789012345678901234567890") }),
  );
  for (const form of DATE_FORMS) {
    await kept(
      `dates ${form}`,
      "users",
      (n) => `${form.replaceAll(" ", "-")}${n}@odd.example`,
      () => signUp({ subscribed_at: legacyDate(now - 1e9, form) }),
    );
  }
  await kept(
    "threads made from text",
    "threads",
    (n) => `text:${(0xabcdef0123450000n + BigInt(n)).toString(16)}`,
    thread,
  );

  // Shared by unrelated people, so it gives nobody access: the traffic asks for it.
  const shared = grantValue({ email: null, ip: "0.0.0.0", days: 365, grantedAt: now, endsAt: now + 365 * 86_400_000 });
  await writer.record("subscriptions", "ip:0.0.0.0", shared, 372 * 86_400);
  all.push({ name: "the placeholder 0.0.0.0", fate: "kept", keys: ["subscriptions ip:0.0.0.0"] });

  await raw(
    "truncated JSON",
    "set aside",
    (n) => `threadr:email:truncated${n}@odd.example`,
    '{"subscribed_at": "2026-0',
  );
  await raw("empty strings", "set aside", (n) => `threadr:premium:email:empty${n}@odd.example`, "");
  await raw("an array instead of an object", "set aside", (n) => `threadr:subscription:user:array${n}`, "[1, 2]");
  await raw("a number instead of an object", "set aside", (n) => `threadr:session:number${n}`, "42");
  await raw(
    "a thread without tweets",
    "set aside",
    (n) => `threadr:cache:url:https://odd.example/${n}`,
    '{"title": "x"}',
  );
  await raw(
    "counters that aren't integers",
    "set aside",
    (n) => `threadr:usage:${usageIds("ip", `odd-${n}`, now)[0]}`,
    "12.5",
  );
  await typed(
    "keys of another type",
    "set aside",
    (n) => `threadr:email:hash${n}@odd.example`,
    "hset",
    "field",
    "value",
  );
  await raw("unknown keys", "left alone", (n) => `threadr:feature-flag:${n}`, "on");
  await raw("keys of other programs", "left alone", (n) => `celery-task-${n}`, "{}");
  await typed("unknown keys of other types", "left alone", (n) => `threadr:queue:${n}`, "rpush", "job");
  await writer.command(
    "hset",
    "threadr:usage:stats",
    "total_threads",
    12345,
    `threads_${legacyDate(now).slice(0, 10)}`,
    17,
  );
  await writer.flush();
  return { all, merges };
}

async function writeTwoSpellings(writer: LegacyWriter, n: number, now: number): Promise<Merge> {
  const id = `mixed.case${n}@odd.example`;
  const earlier = legacyDate(now - 90 * 86_400_000);
  const first = { subscribed_at: earlier, source: "first" };
  const second = { subscribed_at: legacyDate(now - 3 * 86_400_000), source: "second" };
  // Which of the two spellings is the older one must not matter.
  const [upper, lower] = n % 2 === 0 ? [first, second] : [second, first];
  await writer.string(`threadr:email:Mixed.Case${n}@Odd.Example`, pythonDumps(upper), now + 40 * 86_400_000);
  await writer.string(`threadr:email:${id}`, pythonDumps(lower), now + 40 * 86_400_000);
  return { id, subscribedAt: earlier, source: "second" };
}
