/** What a process believes about the term, and running a step under it. */
import { describe, expect, test, vi } from "vitest";
import { atAuthority, type Fences, reignOf, TermView } from "../../src/engine/term-view.js";
import { AuthorityUnavailableError, FencedError, OutcomeUnknownError } from "../../src/errors.js";
import type { Fence } from "../../src/stores/store.js";
import { cutOff, EngineFixture, fail, never, onVirtualTime, operation } from "./engine-fixture.js";

onVirtualTime();

const fence = (role: Fence["role"], term: number): Fence => ({ role, term, complete: true });
const of = (redis: Fences["redis"], postgres: Fences["postgres"]) => reignOf({ redis, postgres });

describe("who reigns", () => {
  test("is the open store of the greatest term", () => {
    expect(of(fence("authority", 2), fence("mirror", 2))).toEqual({ term: 2, authority: "redis" });
    expect(of(fence("mirror", 2), fence("authority", 3))).toEqual({ term: 3, authority: "postgres" });
    expect(of(fence("authority", 2), fence("authority", 3))).toEqual({ term: 3, authority: "postgres" });
    expect(of(fence("authority", 4), fence("authority", 3))).toEqual({ term: 4, authority: "redis" });
    expect(of(fence("closed", 2), fence("authority", 3))).toEqual({ term: 3, authority: "postgres" });
  });
  test("is nobody while the other store knows a later term, or the old reign is closed", () => {
    expect(of(fence("authority", 2), fence("mirror", 3))).toBeNull();
    expect(of(fence("closed", 2), fence("mirror", 2))).toBeNull();
    expect(of(fence("mirror", 2), fence("mirror", 2))).toBeNull();
  });
  test("is the store that answers and is open, whatever the other does", () => {
    expect(of(fence("authority", 2), undefined)).toEqual({ term: 2, authority: "redis" });
    expect(of(null, fence("authority", 2))).toEqual({ term: 2, authority: "postgres" });
  });
  test("is the store out of reach where the other says that it is the mirror", () => {
    expect(of(fence("mirror", 2), undefined)).toEqual({ term: 2, authority: "postgres" });
    expect(of(undefined, fence("mirror", 2))).toEqual({ term: 2, authority: "redis" });
  });
  test("isn't known where the other store answered and has no fence, or where nothing is seen", () => {
    expect(of(null, fence("mirror", 2))).toBeNull();
    expect(of(fence("closed", 2), undefined)).toBeNull();
    expect(of(undefined, undefined)).toBeNull();
    expect(of(null, null)).toBeNull();
  });
});

describe("a view of the term", () => {
  test("knows nothing before the first look, and then the reign", async () => {
    const { context } = await new EngineFixture().reign("postgres", 3);
    expect(context.term.reign).toBeNull();
    expect(context.term.last).toBeNull();
    expect(context.term.greatest).toBe(0);
    expect(await context.term.refresh()).toMatchObject({ redis: { term: 3 }, postgres: { role: "authority" } });
    expect(context.term.reign).toEqual({ term: 3, authority: "postgres" });
    expect(context.term.last).toEqual({ term: 3, authority: "postgres" });
    expect(context.term.greatest).toBe(3);
  });

  test("is looked at once for callers at the same time, and anew for a later one", async () => {
    const engine = await new EngineFixture().reign("redis");
    await Promise.all([engine.context.term.refresh(), engine.context.term.refresh(), engine.context.term.require()]);
    expect(engine.called("redis.readFence")).toBe(1);
    await engine.context.term.refresh();
    expect(engine.called("redis.readFence")).toBe(2);
  });

  test("is believed until it is contradicted", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.context.term.require();
    engine.move("postgres", 2);
    expect(await engine.context.term.require()).toEqual({ term: 1, authority: "redis" });
    engine.context.term.contradicted();
    expect(engine.context.term.reign).toBeNull();
    expect(await engine.context.term.require()).toEqual({ term: 2, authority: "postgres" });
    expect(engine.settle).not.toHaveBeenCalled();
  });

  test("remembers the newest reign it saw, though it has ended", async () => {
    const engine = await new EngineFixture().reign("redis", 5);
    await engine.context.term.refresh();
    engine.move("postgres", 4); // An older snapshot came back.
    await engine.context.term.refresh();
    expect(engine.context.term.reign).toEqual({ term: 4, authority: "postgres" });
    expect(engine.context.term.last).toEqual({ term: 5, authority: "redis" });
    engine.move("postgres", 5);
    await engine.context.term.refresh();
    expect(engine.context.term.last).toEqual({ term: 5, authority: "postgres" });
    engine.servers.redis.control.fence = null;
    engine.servers.postgres.control.fence = null;
    await engine.context.term.refresh();
    expect(engine.context.term.last).toEqual({ term: 5, authority: "postgres" });
    expect(engine.context.term.greatest).toBe(5);
  });

  test("asks to have the terms settled while there is no reign, and says what it saw", async () => {
    const engine = await new EngineFixture().reign("redis", 2);
    const { control } = engine.servers.redis;
    if (control.fence) control.fence = { ...control.fence, role: "closed" };
    const error = await engine.context.term.require().catch((one: unknown) => one);
    expect(error).toBeInstanceOf(FencedError);
    expect((error as Error).message).toContain("(Redis: closed in term 2, Postgres: mirror in term 2)");
    expect(engine.settle).toHaveBeenCalledOnce();
    engine.outage("postgres");
    control.fence = null;
    await expect(engine.context.term.require()).rejects.toThrow("(Redis: no fence, Postgres: no answer)");
  });

  test("without Redis sees Postgres alone", async () => {
    const engine = await new EngineFixture().reign("postgres");
    const view = new TermView(
      () => null,
      engine.postgres,
      vi.fn(),
      () => [],
    );
    expect(await view.refresh()).toMatchObject({ redis: undefined, postgres: { role: "authority" } });
    expect(view.reign).toEqual({ term: 1, authority: "postgres" });
  });

  test("doesn't wait longer than a second for a silent store", async () => {
    const engine = await new EngineFixture().reign("postgres");
    engine.whenever("redis.readFence", never);
    const begun = performance.now();
    expect(await engine.context.term.refresh()).toMatchObject({ redis: undefined });
    expect(performance.now() - begun).toBeGreaterThan(900);
  });
});

describe("a step at the authority", () => {
  const run = (
    engine: EngineFixture,
    step: Parameters<typeof atAuthority<string>>[3],
    op = operation(),
    context = engine.context,
  ) => atAuthority(context, op, () => "A step", step);

  test("runs under the present reign, and is said to be sending only meanwhile", async () => {
    const engine = await new EngineFixture().reign("postgres", 3);
    const op = operation();
    const seen: unknown[] = [];
    const done = await run(
      engine,
      async (guard, reign, timeoutMs) => {
        seen.push(guard, reign, timeoutMs, op.sending);
        return "done";
      },
      op,
    );
    expect(done).toBe("done");
    expect(seen).toEqual([engine.postgres, { term: 3, authority: "postgres" }, expect.any(Number), true]);
    expect(seen[2]).toBeLessThanOrEqual(1000);
    expect(op.sending).toBe(false);
  });

  test("gets a second at most for each attempt, and a millisecond at least", async () => {
    const engine = await new EngineFixture().reign("redis");
    await run(
      engine,
      async (_, __, timeoutMs) => {
        expect(timeoutMs).toBe(1000);
        return "done";
      },
      operation(60_000),
    );
    const op = operation(60_000);
    await engine.context.term.refresh();
    Object.defineProperty(op, "remaining", { get: () => 0.2 });
    await run(engine, async (_, __, timeoutMs) => String(expect(timeoutMs).toBe(1)), op);
  });

  test("that a fence refuses is run under the next term at once", async () => {
    const engine = await new EngineFixture().reign("redis");
    const op = operation();
    const terms: number[] = [];
    const done = await run(
      engine,
      async (_, reign) => {
        terms.push(reign.term);
        if (terms.length === 3) return "done";
        engine.move(terms.length === 1 ? "postgres" : "redis", terms.length + 1);
        return "fenced";
      },
      op,
    );
    expect(done).toBe("done");
    expect(terms).toEqual([1, 2, 3]);
  });

  test("that fences refuse again and again is refused at its deadline: nothing was applied", async () => {
    const engine = await new EngineFixture().reign("redis");
    const op = operation(300);
    let steps = 0;
    const refused = async () => {
      steps++;
      return "fenced";
    };
    const error = await run(engine, refused, op).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(AuthorityUnavailableError);
    expect(steps).toBeGreaterThan(3);
    expect(op.sending).toBe(false);
  });

  test("that fails has the authority looked for, and its error passed on", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.context.term.refresh();
    engine.calls.length = 0;
    const bug = new TypeError("a bug");
    await expect(run(engine, fail(bug) as never)).rejects.toBe(bug);
    expect(engine.called("redis.readFence")).toBe(1);
  });

  test("whose connection broke is repeated, and unknown if it never is answered", async () => {
    const engine = await new EngineFixture().reign("redis");
    let steps = 0;
    const done = await run(engine, async () => {
      if (++steps === 1) throw cutOff();
      return "done";
    });
    expect(done).toBe("done");
    const op = operation(80);
    await expect(run(engine, async () => Promise.reject(cutOff()), op)).rejects.toThrow(OutcomeUnknownError);
  });

  test("can't run at a Redis that this process has no connection to", async () => {
    const engine = await new EngineFixture().reign("redis");
    const context = { ...engine.context, redis: null };
    await engine.context.term.refresh();
    const error = await run(engine, async () => "done", operation(60), context).catch((one: unknown) => one);
    expect((error as Error).message).toContain("Redis is the authority, but this process has no connection to it.");
  });

  test("waits for a look at silent fences no longer than its deadline, or its signal", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.whenever("redis.readFence", never);
    const begun = performance.now();
    await expect(run(engine, async () => "done", operation(60))).rejects.toThrow(
      /The deadline passed while the authority was looked for/,
    );
    expect(performance.now() - begun).toBeLessThan(800);
    const over = operation(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(run(engine, async () => "done", over)).rejects.toThrow(/deadline/);
  });
});
