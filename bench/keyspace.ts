/** Fills a Redis with a legacy keyspace of any size, the same each time, with hostile keys and values among the ordinary ones. */
import { Redis } from "ioredis";

export interface KeyspaceOptions {
  readonly redisUrl: string;
  /** How many keys there will be. */
  readonly keys: number;
  /** Of how many keys one is hostile; 0: none is. @default 500 */
  readonly hostileEvery?: number;
}

/** What a backfill has to make of a key. */
export type Fate = "copied" | "setAside" | "ignored" | "merged";

/** Keys by what has to become of them. */
export type Fates = Readonly<Record<Fate, number>>;

interface Entry {
  readonly fate: Fate;
  readonly command: readonly [name: string, ...args: (string | number | Buffer)[]];
}

const BATCH = 1000;
const AT_ONCE = 4;
const DAY_MS = 86_400_000;
const AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36";

export async function fillKeyspace({ redisUrl, keys, hostileEvery = 500 }: KeyspaceOptions): Promise<Fates> {
  const redis = new Redis(redisUrl);
  const fates: Record<Fate, number> = { copied: 0, setAside: 0, ignored: 0, merged: 0 };
  const now = Date.now();
  const running = new Set<Promise<unknown>>();
  for (let from = 0; from < keys; from += BATCH) {
    const pipeline = redis.pipeline();
    for (let n = from; n < Math.min(keys, from + BATCH); n++) {
      const { fate, command } = hostileEvery > 0 && n % hostileEvery === 7 ? hostile(n) : ordinary(n, now);
      fates[fate]++;
      const [name, ...args] = command;
      pipeline.call(name, ...args);
    }
    const sent: Promise<unknown> = pipeline.exec().then((replies) => {
      for (const [error] of replies ?? []) if (error) throw error;
      running.delete(sent);
    });
    running.add(sent);
    if (running.size >= AT_ONCE) await Promise.race(running);
  }
  await Promise.all(running);
  redis.disconnect();
  return fates;
}

/** Twenty keys of each twenty: what the legacy application keeps, in about the proportions in which it does. */
function ordinary(n: number, now: number): Entry {
  const day = (back: number) => new Date(now - back * DAY_MS).toISOString();
  const date = (back: number) => `${day(back).slice(0, 23)}456`;
  const email = `person${n}@mail.example.org`;
  const ip = n % 13 === 0 ? `2001:db8:${(n >> 16).toString(16)}::${(n & 0xffff).toString(16)}` : address(n);
  switch (n % 20) {
    case 0:
    case 1:
    case 2:
    case 3:
      return json(`email:${email}`, 400 + (n % 300), now, {
        subscribed_at: date(n % 300),
        source: n % 3 === 0 ? "landing" : "caf\u00e9",
        user_agent: AGENT,
        referrer: n % 4 === 0 ? null : "https://search.example/?q=threads",
        utm_source: null,
        ...(n % 2 === 0 ? { user_id: `u_${n}` } : {}),
        ...(n % 10 === 0 ? { favourite_colour: "gr\u00fcn", score: 1.5, nested: { deep: [1, null, true] } } : {}),
      });
    case 4:
    case 5:
      return json(`subscription:user:u_${n}`, 30 + (n % 300), now, {
        subscription_id: `sub_${n}`,
        customer_id: `cus_${n}`,
        price_id: "price_2",
        product_id: "prod_2",
        plan_name: "pro",
        plan_display_name: "Pro",
        status: n % 5 === 0 ? "cancelled" : "active",
        tier_level: 2,
        thread_limit: 200,
        features: ["basic_threads", "scheduling"],
        is_annual: n % 4 === 0,
        monthly_price: 1800,
        annual_price: 18_000,
        current_period_start: date(10),
        current_period_end: date(-20),
        cancel_at_period_end: false,
        expires_at: date(-20),
      });
    case 6:
      return json(`premium:email:${email}`, 37, now, grant(n, email, ip, date));
    case 7:
      return json(`premium:ip:${ip}`, 37, now, grant(n, null, ip, date));
    case 8:
    case 9:
    case 10:
    case 11:
      return text(`usage:user:u_${n}:daily:${day(n % 2).slice(0, 10)}`, 1 + (n % 3), now, String(n % 50));
    case 12:
    case 13:
      return text(`usage:ip:${ip}:monthly:${day(n % 60).slice(0, 7)}`, 300, now, String(n % 500));
    case 14:
    case 15:
    case 16:
      return json(`usage:log:${ip}:${Math.floor(now / 1000) - (n % 500_000)}.${100_000 + (n % 899_999)}`, 7, now, {
        timestamp: date(n % 6),
        client_ip: ip,
        email: n % 2 === 0 ? email : null,
        date: day(n % 6).slice(0, 10),
        month: day(n % 6).slice(0, 7),
      });
    case 17:
      return json(`cache:url:https://example.org:8443/a/${n}?x=1:2`, 1 + (n % 3), now, {
        tweets: [`1/2 The ${n} things`, "2/2 The end"],
        title: `Article ${n}`,
        original_content: "Lorem ipsum dolor sit amet. ".repeat(8),
        source_url: `https://example.org:8443/a/${n}`,
        ai_model: "small",
        generation_time_ms: 1234,
        _cached_at: 12.5,
        _ttl: 86_400,
      });
    case 18:
      return json(`session:tok-${n}-${"x".repeat(24)}`, 30, now, {
        user_id: `u_${n}`,
        session_token: `tok-${n}`,
        refresh_token: `ref-${n}`,
        device_id: `d-${n}`,
        ip_address: ip,
        user_agent: AGENT,
        device_name: "Firefox on Linux",
        is_active: true,
        is_remember_me: false,
        created_at: date(1),
        expires_at: date(-29),
        last_used_at: date(0),
      });
    default:
      return { ...text(`ratelimit:${address(n)}`, 1, now, "3"), fate: "ignored" };
  }
}

/** One of each kind of what trips a naive reader, by turns. */
function hostile(n: number): Entry {
  const at = Math.floor(n / 7);
  const forms: readonly (() => Entry)[] = [
    () => set("setAside", `threadr:email:cut${n}@odd.example`, '{"subscribed_at": "2026-0'),
    () => set("setAside", `threadr:premium:email:empty${n}@odd.example`, ""),
    () => set("setAside", `threadr:subscription:user:array${n}`, "[1, 2]"),
    () => set("setAside", `threadr:session:number${n}`, "42"),
    () => set("setAside", `threadr:cache:url:https://odd.example/${n}`, '{"title": "x"}'),
    () => set("setAside", `threadr:usage:ip:10.0.0.${n}:daily:2026-11-20`, "12.5"),
    () => set("setAside", `threadr:usage:user:big${n}:monthly:2026-11`, "9007199254740993"),
    () => set("setAside", `threadr:session:nul\0${n}`, "{}"),
    () => set("setAside", Buffer.concat([Buffer.from(`threadr:session:${n}`), Buffer.from([0xff, 0xfe])]), "{}"),
    () => set("setAside", `threadr:email:latin${n}@odd.example`, Buffer.from([0x7b, 0xe9, 0x7d])),
    () => ({ fate: "setAside", command: ["HSET", `threadr:email:hash${n}@odd.example`, "field", "value"] }),
    () => ({ fate: "setAside", command: ["RPUSH", `threadr:usage:user:list${n}:daily:2026-11-20`, "1"] }),
    () => set("copied", `threadr:email:nul${n}+*[a-z]?@odd.example`, '{"name": "a\\u0000b\\ud800c"}'),
    () =>
      set(
        "copied",
        `threadr:email:huge${n}@odd.example`,
        '{"customer": 123456789012345678901234567890, "x": [1.0, {}]}',
      ),
    () =>
      set(
        "copied",
        `threadr:premium:ip:2001:db8:ffff::${n.toString(16)}:1`,
        '{"granted_at": "2026-01-02 03:04:05+02:00"}',
      ),
    () => set("merged", `threadr:email:Mixed.Case${n}@Odd.Example`, '{"subscribed_at": "2026-02-03T04:05:06"}'),
    () => set("merged", `threadr:usage:email:Mixed.Case${n}@Odd.Example:monthly:2026-11`, "3"),
    () => set("ignored", `threadr:feature-flag:${n}`, "on"),
    () => set("ignored", `celery-task-meta-${n}`, "{}"),
    () => ({ fate: "ignored", command: ["SADD", `threadr:queue:${n}`, "job"] }),
    () => set("ignored", `threadr:usage:ip:10.0.0.1:daily:yesterday-${n}`, "1"),
  ];
  return (forms[at % forms.length] as () => Entry)();
}

function grant(n: number, email: string | null, ip: string, date: (back: number) => string): Record<string, unknown> {
  return {
    granted_at: date(3),
    expires_at: date(-27),
    plan: "premium",
    duration_days: 30,
    client_ip: n % 2 === 0 ? ip : "0.0.0.0",
    email,
    payment_info: { provider: "stripe", id: `pay_${n}` },
  };
}

function address(n: number): string {
  return `10.${(n >> 16) & 0xff}.${(n >> 8) & 0xff}.${n & 0xff}`;
}

/** As Python writes it, nearly: the separators have blanks, and what isn't ASCII is escaped. */
function json(name: string, days: number, now: number, value: Record<string, unknown>): Entry {
  const fields = Object.entries(value).map(([field, one]) => `"${field}": ${JSON.stringify(one)}`);
  const escaped = `{${fields.join(", ")}}`.replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text(name, days, now, escaped);
}

function text(name: string, days: number, now: number, value: string): Entry {
  return { fate: "copied", command: ["SET", `threadr:${name}`, value, "PXAT", now + days * DAY_MS] };
}

function set(fate: Fate, key: string | Buffer, value: string | Buffer): Entry {
  return { fate, command: ["SET", key, value] };
}
