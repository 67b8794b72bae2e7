/** Pace, progress, counts and names: what needs no server. */
import { BrokenCircuitError } from "cockatiel";
import { describe, expect, test, vi } from "vitest";
import { AuthorityUnavailableError, FencedError } from "../../src/errors.js";
import { DistinctKeys } from "../../src/migration/keyspace/distinct-keys.js";
import { NamePatterns } from "../../src/migration/keyspace/name-pattern.js";
import { PageSize } from "../../src/migration/keyspace/page-size.js";
import { Pace } from "../../src/migration/run/pace.js";
import { persist } from "../../src/migration/run/persist.js";
import { RateMeter } from "../../src/migration/run/progress.js";
import { runIssues } from "../../src/migration/run/run-options.js";
import { Tally } from "../../src/migration/run/tally.js";

describe("the pace", () => {
  test("rests as long as a rate asks for", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      const pace = new Pace({ rate: 100 });
      expect(pace.restAfter(50, 10)).toBeCloseTo(500);
      vi.advanceTimersByTime(500);
      expect(pace.restAfter(1000, 10)).toBeCloseTo(10_000);
    } finally {
      vi.useRealTimers();
    }
  });

  test("rests when a page takes much longer than usual, and only then", () => {
    const pace = new Pace({});
    for (let page = 0; page < 10; page++) expect(pace.restAfter(100, 20)).toBe(0);
    expect(pace.restAfter(100, 60)).toBe(0);
    expect(pace.restAfter(100, 400)).toBe(400);
    expect(pace.restAfter(100, 60_000)).toBe(5000);
    expect(pace.restAfter(2000, 400)).toBe(0);
  });

  test("refuses pages and rates that make no sense", () => {
    expect(runIssues({})).toEqual([]);
    expect(runIssues({ pageSize: 0, rate: Number.NaN }).map(({ path }) => path)).toEqual(["pageSize", "rate"]);
    expect(runIssues({ pageSize: 5001 })).toHaveLength(1);
  });
});

test("the rate is that of the last seconds", () => {
  const meter = new RateMeter();
  expect(meter.measure(0, 1000, 0)).toEqual({ rate: 0, etaMs: null });
  expect(meter.measure(100, 900, 1000)).toEqual({ rate: 100, etaMs: 9000 });
  for (let at = 2000; at <= 30_000; at += 1000) meter.measure(100 + at, 500, at);
  expect(meter.measure(100 + 31_000, 500, 31_000)).toEqual({ rate: 1000, etaMs: 500 });
});

describe("the counts", () => {
  test("show a key whose end was forgotten", () => {
    const tally = new Tally();
    tally.see();
    expect(tally.addsUp).toBe(false);
    tally.end("copied", "users");
    expect(tally.addsUp).toBe(true);
  });

  test("go on from where they were kept", () => {
    const tally = new Tally();
    tally.see();
    tally.see();
    tally.end("ignored", "threadr:ratelimit:*");
    tally.end("setAside", "users");
    const again = new Tally(JSON.parse(JSON.stringify(tally)));
    again.see();
    again.end("ignored", "threadr:ratelimit:*");
    expect(again.toJSON()).toMatchObject({
      counts: { seen: 3, ignored: 2, setAside: 1 },
      collections: { users: { seen: 1, setAside: 1 } },
      ignored: { "threadr:ratelimit:*": 2 },
    });
    expect(again.addsUp).toBe(true);
  });
});

describe("names of unknown keys", () => {
  test("reveal no more than their first word", () => {
    const patterns = new NamePatterns("threadr:");
    expect(patterns.of("threadr:ratelimit:10.0.0.1")).toBe("threadr:ratelimit:*");
    expect(patterns.of("threadr:ann@example.org")).toBe("threadr:*");
    expect(patterns.of("threadr:maintenance")).toBe("threadr:maintenance");
    expect(patterns.of("other:ann@example.org:x")).toBe("other:*");
    expect(patterns.of("10.0.0.1")).toBe("*");
  });

  test("are bounded in number", () => {
    const patterns = new NamePatterns("threadr:");
    const names = new Set(
      Array.from({ length: 1000 }, (_, n) =>
        patterns.of(
          `threadr:${"abcdefghij"[n % 10]}${"abcdefghij"[Math.floor(n / 10) % 10]}${"abcdefghij"[Math.floor(n / 100)]}:1`,
        ),
      ),
    );
    expect(names.size).toBeLessThanOrEqual(101);
    expect(names).toContain("threadr:*");
  });
});

describe("persistence", () => {
  test("repeats what a fence refused, and nothing that fails for good", async () => {
    let calls = 0;
    const step = async (repetition: number) => {
      calls++;
      if (repetition < 3) throw new FencedError("moved");
      return repetition;
    };
    expect(await persist("A step", { patienceMs: 10_000 }, step)).toBe(3);
    expect(calls).toBe(4);
    await expect(persist("A step", { patienceMs: 10_000 }, () => Promise.reject(new TypeError("bug")))).rejects.toThrow(
      TypeError,
    );
  });

  test("ends with what to do when patience does", async () => {
    const away = () => Promise.reject(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }));
    const failure = await persist("Reading Redis", { patienceMs: 1 }, away).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AuthorityUnavailableError);
    expect((failure as Error).message).toMatch(/Reading Redis was given up[\s\S]*ECONNREFUSED[\s\S]*run it again/);
  });

  test("tells what opened a circuit, not that it is open", async () => {
    const open = new BrokenCircuitError();
    const failures = [new Error("connect ECONNREFUSED 127.0.0.1:6379"), open, open];
    const step = vi.fn(async () => {
      throw Object.assign(failures[Math.min(step.mock.calls.length, failures.length) - 1] as Error, {
        code: "ECONNREFUSED",
      });
    });
    const failure = await persist("Reading Redis", { patienceMs: 100 }, step).catch((error: unknown) => error);
    expect(step.mock.calls.length).toBeGreaterThan(1);
    expect((failure as Error).message).toMatch(
      / after \d+ s: connect ECONNREFUSED 127\.0\.0\.1:6379\. Nothing is lost/,
    );
  });

  test("ends with its signal while it waits", async () => {
    const stop = new AbortController();
    const waiting = persist("A step", { signal: stop.signal, patienceMs: 60_000 }, () =>
      Promise.reject(new FencedError("moved")),
    );
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});

describe("the size of pages", () => {
  test("begins small, grows to what is asked for, and shrinks where values are large", () => {
    const size = new PageSize(2000, new Pace({}));
    expect(size.keys).toBe(250);
    size.met(250, 250 * 300);
    expect(size.keys).toBe(500);
    for (let page = 0; page < 5; page++) size.met(size.keys, size.keys * 300);
    expect(size.keys).toBe(2000);
    size.met(2000, 2000 * 256 * 1024);
    expect(size.keys).toBe(8);
    size.met(8, 0);
    expect(size.keys).toBe(16);
    size.met(16, 16 * 1024 ** 3);
    expect(size.keys).toBe(1);
    expect(new PageSize(10, new Pace({})).keys).toBe(10);
  });
});

describe("distinct keys", () => {
  const key = (n: number) => Buffer.from(`threadr:email:person${n}@example.org`);

  test("are recognised also when many more come than were expected", () => {
    const keys = DistinctKeys.expecting(1000);
    for (let n = 0; n < 60_000; n++) expect(keys.add(key(n))).toBe(true);
    for (let n = 0; n < 60_000; n += 7) expect(keys.add(key(n))).toBe(false);
    expect(keys.exact).toBe(true);
  });

  test("take at most ten bytes each", () => {
    const before = process.memoryUsage().arrayBuffers;
    const keys = DistinctKeys.expecting(1_000_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    expect(keys.add(key(1))).toBe(true);
  });
});
