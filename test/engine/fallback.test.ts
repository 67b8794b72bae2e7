/** Whether and how the other store answers a read that failed. */
import { expect, test } from "vitest";
import { fallback } from "../../src/engine/fallback.js";
import { AuthorityUnavailableError } from "../../src/errors.js";
import { away, EngineFixture, onVirtualTime, operation } from "./engine-fixture.js";

onVirtualTime();

const ask = (
  engine: EngineFixture,
  read: Parameters<typeof fallback>[6] = async () => "answer",
  context = engine.context,
) => fallback(context, operation(50), "items", 3, "redis", away(), read);

test("the other store is asked, in the time that is left, and that is told", async () => {
  const engine = await new EngineFixture().reign("redis");
  let asked: unknown[] = [];
  const answer = await ask(engine, async (guard, timeoutMs) => {
    asked = [guard, timeoutMs];
    return "answer";
  });
  expect(answer).toEqual({ store: "postgres", value: "answer" });
  expect(asked[0]).toBe(engine.postgres);
  expect(asked[1]).toBeGreaterThan(1);
  expect(asked[1]).toBeLessThanOrEqual(50);
  expect(engine.told.fallback).toEqual([
    { collection: "items", from: "redis", to: "postgres", count: 3, reason: "connect ECONNREFUSED" },
  ]);
  await fallback(engine.context, operation(0), "items", 1, "redis", away(), async (_, timeoutMs) => {
    expect(timeoutMs).toBe(1);
  });
});

test("a strategy without fallback refuses, with the reason", async () => {
  const engine = await new EngineFixture().reign("redis");
  engine.policy.fallback = false;
  const error = await ask(engine).catch((one: unknown) => one);
  expect(error).toBeInstanceOf(AuthorityUnavailableError);
  expect((error as Error).message).toMatch(
    /^redis could not be read \(connect ECONNREFUSED\) and this strategy has no other store/,
  );
  expect((error as Error).cause).toMatchObject({ code: "ECONNREFUSED" });
  expect(engine.told).toEqual({});
});

test("so does one without a connection to the other store", async () => {
  const engine = await new EngineFixture().reign("postgres");
  const context = { ...engine.context, redis: null };
  await expect(fallback(context, operation(), "items", 1, "postgres", away(), async () => "answer")).rejects.toThrow(
    /postgres could not be read/,
  );
});

test("both stores' failures are named where neither answers", async () => {
  const engine = await new EngineFixture().reign("redis");
  const broken = new Error("read ECONNRESET");
  const error = await ask(engine, async () => Promise.reject(broken)).catch((one: unknown) => one);
  expect(error).toBeInstanceOf(AuthorityUnavailableError);
  expect((error as Error).message).toMatch(/redis \(connect ECONNREFUSED\), postgres \(read ECONNRESET\)/);
  expect((error as Error).cause).toBe(broken);
  expect(engine.told.fallback).toBeUndefined();
});

test("the herd is bounded: of many at once some are refused, and the next is served again", async () => {
  const engine = await new EngineFixture().reign("redis");
  let running = 0;
  let most = 0;
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const all = Array.from({ length: 300 }, () =>
    ask(engine, async () => {
      most = Math.max(most, ++running);
      await held;
      running--;
    }),
  );
  release();
  const settled = await Promise.allSettled(all);
  expect(most).toBe(128);
  expect(settled.filter(({ status }) => status === "rejected")).toHaveLength(300 - 256);
  expect(await ask(engine)).toMatchObject({ store: "postgres" });
});
