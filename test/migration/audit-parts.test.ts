/** The parts of the audit that need no server: names, kinds of key, estimates, pages. */
import { pgTable, text } from "drizzle-orm/pg-core";
import { describe, expect, test } from "vitest";
import { byteSize, wholeNumberFromZero } from "../../src/cli/numbers.js";
import { defineRecords } from "../../src/engine/define-records.js";
import { backfillTime } from "../../src/migration/audit/backfill-time.js";
import { KeyClasses } from "../../src/migration/audit/key-classes.js";
import { labelOf, withoutPersonal } from "../../src/migration/audit/key-label.js";
import { MemorySample, sumOf } from "../../src/migration/audit/memory-sample.js";
import { TopList } from "../../src/migration/audit/top-list.js";
import { bindCollections } from "../../src/migration/bind-collections.js";
import { bytes, duration } from "../../src/migration/html/figures.js";
import { html } from "../../src/migration/html/markup.js";
import { Wildcard } from "../../src/migration/keyspace/wildcard.js";
import { syncColumns } from "../../src/schema/sync-columns.js";

const coupons = defineRecords<{ country: string }>({
  name: "coupons",
  priority: "critical",
  redis: {
    key: (code) => `shop{eu}:coupon:${code}`,
    sets: (code) => [{ key: `shop{eu}:coupons:of:${code}`, member: code, present: true }],
  },
  postgres: { table: pgTable("coupons", { code: text("code").primaryKey(), ...syncColumns() }) },
});

const classes = new KeyClasses(bindCollections({ collections: { coupons } }));
const of = (key: string) => classes.of(Buffer.from(key)).info;

describe("a key is counted by the pattern of its kind", () => {
  test.each([
    ["threadr:premium:ip:2001:db8::1", "threadr:premium:ip:*", "subscriptions"],
    ["threadr:subscription:user:u1", "threadr:subscription:user:*", "subscriptions"],
    ["threadr:usage:email:a@b.c:daily:2026-11-20", "threadr:usage:email:*:daily:*", "usage_tracking"],
    ["threadr:usage:ip:x:daily:2026-11-20:monthly:2026-11", "threadr:usage:ip:*:monthly:*", "usage_tracking"],
    ["threadr:usage:ip:x:monthly:2026-11:daily:2026-11-20", "threadr:usage:ip:*:daily:*", "usage_tracking"],
    ["threadr:usage:log:2001:db8::1:1780000000.5", "threadr:usage:log:*", "usage_log"],
    ["threadr:usage:stats", "threadr:usage:stats", "analytics_timeseries"],
    ["threadr:cache:text:0123456789abcdef", "threadr:cache:text:*", "threads"],
    ["threadr:email:ANN@example.org", "threadr:email:*", "users"],
    ["shop{eu}:coupon:SPRING", "shop{eu}:coupon:*", "coupons"],
    ["shop{eu}:coupons:of:SPRING", "shop{eu}:coupons:of:*", null],
    ["threadr:emails:list", "threadr:emails:list", null],
    ["threadr:cache:text:no-hex", "threadr:cache:*", null],
    ["dual-write:{threadr:email:a@b.c}", "dual-write:*", null],
  ])("%s", (key, pattern, table) => {
    expect(of(key)).toMatchObject({ pattern, table });
  });

  test("and every pattern is known beforehand, with its priority", () => {
    const planned = classes.planned().map(({ pattern, priority }) => [pattern, priority]);
    expect(Object.fromEntries(planned)).toMatchObject({
      "threadr:subscriptions:active": "critical",
      "threadr:premium:email:*": "critical",
      "shop{eu}:coupon:*": "critical",
      "threadr:usage:user:*:monthly:*": "high",
      "threadr:session:*": "low",
    });
    expect(planned).toHaveLength(19);
  });

  test("under a prefix that means something in a pattern", () => {
    const odd = new KeyClasses(bindCollections({ keyPrefix: "a*[b]{c}:" }));
    expect(odd.of(Buffer.from("a*[b]{c}:email:x@y.z")).info.pattern).toBe("a\\*\\[b\\]{c}:email:*");
    expect(odd.of(Buffer.from("a*[b]{c}:lock:x")).info.pattern).toBe("a\\*\\[b\\]{c}:lock:*");
    expect(odd.of(Buffer.from("threadr:email:x@y.z")).info.role).toBe("unknown");
  });
});

test.each([
  ["bull:mail:42", "BullMQ or Bull"],
  ["celery\u0006\u00163", "Celery"],
  ["celery-task-meta-3f2a", "Celery"],
  ["celery@host.celery.pidbox", "Celery"],
  ["unacked_mutex", "Kombu"],
  ["rq:job:1", "RQ"],
  ["queue:mailers", "Sidekiq"],
  ["stat:processed:2026-11-20", "Sidekiq"],
  ["resque:queue:x", "Resque"],
  ["redisson_lock__queue:{x}", "Redisson"],
  ["orders:42:lock", "Redlock or another lock"],
  ["threadr:lock:checkout", "Redlock or another lock"],
  ["sess:s3cr3t", "connect-redis"],
  [":1:django.contrib.sessions.cachex", "Django sessions"],
  ["rlflx:10.0.0.1", "rate-limiter-flexible"],
  ["threadr:ratelimit:10.0.0.1", "a rate limiter"],
  ["asgi:group:chat", "Django Channels"],
])("%s is recognised as a key of %s", (key, library) => {
  expect(of(key)).toMatchObject({ role: "foreign", library });
});

test("an application's own names aren't taken for a library's", () => {
  for (const key of [
    "threadr:feature:x",
    "threadr:cache:x",
    "clock",
    "blocked:1",
    "retries",
    "bullet",
    "threadr:queued",
  ])
    expect(of(key), key).toMatchObject({ role: "unknown", library: null });
});

test("a wildcard is read from its end, and takes its fixed pieces literally", () => {
  const shape = Wildcard.of("a.*:b:*");
  expect(shape.match("a.1:b:2")).toBe(3);
  expect(shape.match("a.1:b:2:b:3")).toBe(7);
  for (const no of ["ax1:b:2", "a.:b:2", "a.1:b:", "a.1:b", "a.", "", "xa.1:b:2"]) expect(shape.match(no), no).toBe(-1);
  expect(Wildcard.of("exact").match("exact")).toBe(0);
  expect(Wildcard.of("exact").match("exactly")).toBe(-1);
  expect(Wildcard.of("ab*ba").match("aba")).toBe(-1);
});

describe("memory", () => {
  /** Seeded, so that the test is the same each time. */
  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
  }

  test("is exact where all keys are measured", () => {
    const sample = new MemorySample(1);
    for (let n = 1; n <= 500; n++) if (sample.wants(false)) sample.add(n, false);
    expect(sample.estimate()).toEqual({ bytes: 125_250, errorBytes: 0, measured: 500 });
    expect(new MemorySample(10).estimate()).toEqual({ bytes: 0, errorBytes: 0, measured: 0 });
  });

  test("lies within its error in about 95 of 100 cases, though sizes are skewed", () => {
    let within = 0;
    for (let trial = 0; trial < 150; trial++) {
      const next = random(trial * 7919 + 1);
      const sample = new MemorySample(20);
      let truth = 0;
      for (let n = 0; n < 4000; n++) {
        const size = Math.round(60 + 400 * -Math.log(1 - next()));
        truth += size;
        if (sample.wants(false)) sample.add(size, false);
      }
      const { bytes: estimate, errorBytes } = sample.estimate();
      if (Math.abs((estimate ?? 0) - truth) <= (errorBytes ?? 0)) within++;
    }
    expect(within / 150).toBeGreaterThan(0.89);
    expect(within / 150).toBeLessThan(0.995);
  });

  test("of great keys is measured, so that a few of them don't spoil the estimate", () => {
    const sample = new MemorySample(100);
    for (let n = 0; n < 10_000; n++) {
      const isGreat = n === 7777;
      if (sample.wants(isGreat)) sample.add(isGreat ? 1e9 : 100, isGreat);
    }
    expect(sample.estimate()).toMatchObject({ bytes: 1e9 + 9999 * 100, errorBytes: 0 });
  });

  test("isn't made up where nothing was measured", () => {
    const sample = new MemorySample(10);
    sample.wants(false);
    expect(sample.estimate()).toEqual({ bytes: null, errorBytes: null, measured: 0 });
    expect(sumOf([sample.estimate(), { bytes: 5, errorBytes: 0, measured: 1 }]).bytes).toBeNull();
  });
});

test("the greatest of many are kept, and no more", () => {
  const top = new TopList<number>(3);
  for (const n of [5, 1, 9, 9, 3, 7, 2]) top.add(n, n);
  expect(top.items).toEqual([9, 9, 7]);
  const none = new TopList<number>(0);
  none.add(1, 1);
  expect(none.items).toEqual([]);
});

describe("what is shown of a key", () => {
  test("is its pattern and a hash, or its text made visible", () => {
    const key = Buffer.from("threadr:email:ann@example.org");
    expect(labelOf(key, "threadr:email:*", false)).toMatch(/^threadr:email:\* #[0-9a-f]{12}$/);
    expect(labelOf(key, "threadr:email:*", true)).toBe("threadr:email:ann@example.org");
    expect(labelOf(Buffer.from("a\n\\\u202e"), "*", true)).toBe("a\\x0a\\x5c\\u{202e}");
    expect(labelOf(Buffer.from([0x61, 0xff, 0x5c]), "*", true)).toBe("a\\xff\\x5c");
    expect(labelOf(Buffer.from("😀".repeat(300)), "*", true)).toMatch(/^(😀)+… \(1200 bytes\)$/u);
  });

  test("of a text from data is without emails, addresses and tokens", () => {
    const plain = withoutPersonal("a@b.co at 10.0.0.1 or 2001:db8::1:2 with eyJhbGciOiJIUzI1NiJ9 in object expected");
    expect(plain).toBe("*** at *** or *** with *** in object expected");
  });
});

test("markup is only what was made as such", () => {
  const cell = html`<b>${"<i>&\"'"}</b>`;
  expect(html`<p title="${'"x"'}">${[cell, 1, null, false, undefined]}</p>`.text).toBe(
    '<p title="&quot;x&quot;"><b>&lt;i&gt;&amp;&quot;&#39;</b>1</p>',
  );
  expect(html`${"a\u0000b\u202ec\ud800"}`.text).toBe("a\ufffdb\ufffdc\ufffd");
});

test("figures are short", () => {
  expect([bytes(0), bytes(1023), bytes(1536), bytes(2 * 2 ** 30)]).toEqual([
    "0 bytes",
    "1023 bytes",
    "1.50 KiB",
    "2.00 GiB",
  ]);
  expect([850, 12_000, 200_000, 7_500_000, 30 * 86_400_000, 1_224_000_000].map(duration)).toEqual([
    "850 ms",
    "12 s",
    "3 min 20 s",
    "2 h 5 min",
    "30 d",
    "14 d 4 h",
  ]);
});

test("sizes are given as people write them", () => {
  expect(["0", "1024", "512MB", "2 GiB", "1.5g", "3kb"].map(byteSize)).toEqual([
    0,
    1024,
    512 * 2 ** 20,
    2 ** 31,
    1.5 * 2 ** 30,
    3072,
  ]);
  for (const bad of ["", "GB", "2 potatoes", "-1", "1e9", "9999999TB"]) expect(() => byteSize(bad), bad).toThrow(/2GB/);
  expect(wholeNumberFromZero("0")).toBe(0);
  expect(() => wholeNumberFromZero("-1")).toThrow(/whole number/);
});

describe("the time of a backfill", () => {
  const MILLION = 1_000_000;

  test("goes by the audit's own pace, where it saw enough keys to tell", () => {
    const time = backfillTime(MILLION, null, { keys: 40_000, ms: 2000 });
    expect(time).toMatchObject({ keys: MILLION, keysPerSecond: 20_000, expectedMs: 50_000 });
    expect(time.source).toMatch(/measured/);
  });

  test("says that it assumes a rate where there were few keys", () => {
    const time = backfillTime(5000, null, { keys: 5000, ms: 10 });
    expect(time).toMatchObject({ keysPerSecond: 10_000, expectedMs: 500 });
    expect(time.source).toMatch(/assumed/);
  });

  test("goes by the rate given before all", () => {
    expect(backfillTime(MILLION, 5000, { keys: 40_000, ms: 2000 })).toMatchObject({
      keysPerSecond: 5000,
      source: "as given",
    });
  });
});
