/** What trips a naive reader of the legacy keyspace, each by its name, with the end it has to come to. */
import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import type { Outcome } from "../../src/migration/run/tally.js";
import { signUp } from "./fixture.js";

export interface Oddity {
  readonly name: string;
  readonly key: string | Buffer;
  readonly write: (redis: Redis, key: string | Buffer) => Promise<unknown>;
  readonly outcome: Outcome;
  /** Where it has to stand, byte for byte. */
  readonly copy?: { readonly collection: string; readonly id: string };
  /** What a rejects row's reason says. */
  readonly reason?: RegExp;
}

type Write = Oddity["write"];

const TTL = 3600;

function text(value: string | Buffer): Write {
  return (redis, key) => redis.set(key, value, "EX", TTL);
}

function copied(name: string, key: string, collection: string, id: string, value: string | Buffer): Oddity {
  return { name, key, write: text(value), outcome: "copied", copy: { collection, id } };
}

function aside(name: string, key: string | Buffer, write: Write, reason: RegExp): Oddity {
  return { name, key, write, outcome: "setAside", reason };
}

function ignored(name: string, key: string | Buffer, write: Write): Oddity {
  return { name, key, write, outcome: "ignored" };
}

const grant = (fields: Record<string, unknown> = {}) =>
  JSON.stringify({
    granted_at: "2026-01-02T03:04:05",
    expires_at: "2027-01-02 03:04:05.5",
    plan: "premium",
    duration_days: 365,
    client_ip: "0.0.0.0",
    email: null,
    payment_info: {},
    ...fields,
  });

const longUrl = `https://example.org/${randomBytes(6000).toString("base64url")}`;

export const ODDITIES: readonly Oddity[] = [
  copied("an ordinary sign-up", "threadr:email:plain@example.org", "users", "plain@example.org", signUp()),
  copied(
    "a date with a blank, no fraction and an offset",
    "threadr:email:date@example.org",
    "users",
    "date@example.org",
    signUp({ subscribed_at: "2026-01-02 03:04:05+02:00" }),
  ),
  copied(
    "an email that a glob would misread",
    "threadr:email:a+b*c[d]?e@example.org",
    "users",
    "a+b*c[d]?e@example.org",
    signUp(),
  ),
  copied(
    "U+0000 and a lone surrogate in text",
    "threadr:email:nul@example.org",
    "users",
    "nul@example.org",
    '{"name": "a\\u0000b\\ud800c"}',
  ),
  copied(
    "integers beyond 2^53 and unknown fields",
    "threadr:subscription:user:u1",
    "subscriptions",
    "user:u1",
    '{"subscription_id": "s1", "status": "active", "huge": 123456789012345678901234567890, "new": [1.0, {}]}',
  ),
  copied(
    "a grant to an email",
    "threadr:premium:email:ann@example.org",
    "subscriptions",
    "email:ann@example.org",
    grant({ email: "ann@example.org" }),
  ),
  copied(
    "a grant to an IPv6 address",
    "threadr:premium:ip:2001:db8::1:2",
    "subscriptions",
    "ip:2001:db8::1:2",
    grant(),
  ),
  copied("the shared placeholder address", "threadr:premium:ip:0.0.0.0", "subscriptions", "ip:0.0.0.0", grant()),
  copied(
    "a thread of a URL with colons",
    "threadr:cache:url:https://example.org:8080/a:b?c=d:e",
    "threads",
    "url:https://example.org:8080/a:b?c=d:e",
    '{"tweets": ["t\\u00e9"], "_cached_at": 12.5, "_ttl": 86400}',
  ),
  copied(
    "a thread of a text",
    "threadr:cache:text:0123456789abcdef",
    "threads",
    "text:0123456789abcdef",
    '{"tweets": []}',
  ),
  copied(
    "a log line of an IPv6 address",
    "threadr:usage:log:2001:db8::1:1780000000.123456",
    "usage_log",
    "2001:db8::1:1780000000.123456",
    '{"timestamp": "2026-01-02T03:04:05", "client_ip": "2001:db8::1", "email": null}',
  ),
  copied("a session", "threadr:session:token-1", "user_sessions", "token-1", '{"user_id": "u1", "is_active": true}'),
  {
    ...copied("a sign-up without TTL", "threadr:email:forever@example.org", "users", "forever@example.org", signUp()),
    write: (redis, key) => redis.set(key, signUp()),
  },
  {
    name: "a day's counter of an IPv6 address",
    key: "threadr:usage:ip:2001:db8::1:daily:2026-11-20",
    write: text("7"),
    outcome: "copied",
  },
  {
    name: "a month's counter of a user",
    key: "threadr:usage:user:u1:monthly:2026-11",
    write: text("12"),
    outcome: "copied",
  },
  {
    name: "the statistics",
    key: "threadr:usage:stats",
    write: (redis, key) =>
      redis.hset(key, {
        total_threads: "12",
        "threads_2026-11-20": "3",
        "premium_grants_2026-11": "9223372036854775807",
      }),
    outcome: "copied",
  },

  aside(
    "truncated JSON",
    "threadr:email:cut@example.org",
    text('{"subscribed_at": "2026-0'),
    /not JSON: it ends too early/,
  ),
  aside("an empty string", "threadr:premium:email:empty@example.org", text(""), /empty/),
  aside(
    "an array where an object is expected",
    "threadr:subscription:user:array",
    text("[1, 2]"),
    /an object is expected, not an array/,
  ),
  aside(
    "a number where an object is expected",
    "threadr:session:number",
    text("42"),
    /an object is expected, not a number/,
  ),
  aside("a thread without tweets", "threadr:cache:url:https://example.org/none", text('{"title": "x"}'), /tweets/),
  aside(
    "bytes that aren't UTF-8",
    "threadr:email:latin1@example.org",
    text(Buffer.from([0x7b, 0xe9, 0x7d])),
    /decoded/,
  ),
  aside("a counter that isn't an integer", "threadr:usage:ip:10.0.0.1:daily:2026-11-20", text("12.5"), /whole number/),
  aside("a negative counter", "threadr:usage:ip:10.0.0.2:daily:2026-11-20", text("-1"), /whole number/),
  aside(
    "a list under a sign-up's key",
    "threadr:email:list@example.org",
    (redis, key) => redis.rpush(key, "x"),
    /another Redis type/,
  ),
  aside(
    "a hash under a counter's key",
    "threadr:usage:user:u2:daily:2026-11-20",
    (redis, key) => redis.hset(key, "a", "1"),
    /another Redis type/,
  ),
  aside(
    "a set under a session's key",
    "threadr:session:set",
    (redis, key) => redis.sadd(key, "a"),
    /another Redis type/,
  ),
  aside(
    "a key that isn't UTF-8",
    Buffer.concat([Buffer.from("threadr:session:"), Buffer.from([0xff, 0xfe])]),
    text('{"user_id": "u1"}'),
    /isn't UTF-8/,
  ),
  aside("a key with U+0000", "threadr:session:a\u0000b", text('{"user_id": "u1"}'), /U\+0000/),
  aside("an id that no index can hold", `threadr:cache:url:${longUrl}`, text('{"tweets": []}'), /SQLSTATE 54000/),

  ignored("a rate limit", "threadr:ratelimit:10.0.0.1", text("3")),
  ignored("the set of active subscribers", "threadr:subscriptions:active", (redis, key) => redis.sadd(key, "u1")),
  ignored("the set of emails", "threadr:emails:list", (redis, key) => redis.sadd(key, "plain@example.org")),
  ignored("an unknown pattern", "threadr:feature:new-editor", text("on")),
  ignored("a thread's key with a wrong hash", "threadr:cache:text:not-hex", text("{}")),
  ignored("a counter's key with a wrong date", "threadr:usage:ip:10.0.0.1:daily:yesterday", text("1")),
  ignored("another program's key", "celery-task-meta-1", text("{}")),
  ignored("another program's key that isn't UTF-8", Buffer.from([0x01, 0xff, 0x80]), text("x")),
];
