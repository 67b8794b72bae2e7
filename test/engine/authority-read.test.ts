/** Following the fences to the authority: the mirror sends on, a closed store is doubted, and nothing waits for ever. */
import { describe, expect, test } from "vitest";
import { AuthorityReadError, acrossTerms, readAuthority, TermMovedError } from "../../src/engine/authority-read.js";
import type { Guard } from "../../src/stores/guard.js";
import type { StoreName } from "../../src/stores/state.js";
import { item, items } from "../contract/contract-collections.js";
import { EngineFixture, never, onVirtualTime, operation, write } from "./engine-fixture.js";

onVirtualTime();

const read = (engine: EngineFixture, deadlineMs = 1000, context = engine.context) =>
  readAuthority(context, operation(deadlineMs), (guard: Guard, timeoutMs: number) =>
    guard.hot.readRecords(items, ["a"], timeoutMs),
  );
const failure = (engine: EngineFixture, deadlineMs?: number, context = engine.context) =>
  read(engine, deadlineMs, context).then(
    () => expect.fail("the read was answered"),
    (error: unknown) => error as AuthorityReadError,
  );
const close = (engine: EngineFixture, store: StoreName) => {
  const { control } = engine.servers[store];
  if (control.fence) control.fence = { ...control.fence, role: "closed" };
};

describe("the authority", () => {
  test.each(["redis", "postgres"] as const)("is %s, which answers at once where it is known", async (store) => {
    const engine = await new EngineFixture().reign(store, 4);
    await engine.context.term.refresh();
    engine.calls.length = 0;
    expect(await read(engine)).toMatchObject({ store, fence: { term: 4, role: "authority" }, reply: { held: [{}] } });
    expect(engine.calls).toEqual([`${store}.readRecords`]);
  });

  test("is looked for in Redis first, and found in Postgres through the fences", async () => {
    const engine = await new EngineFixture().reign("postgres");
    expect(await read(engine)).toMatchObject({ store: "postgres" });
    expect(engine.calls[0]).toBe("redis.readRecords");
    expect(engine.context.term.reign).toEqual({ term: 1, authority: "postgres" });
  });

  test("is looked for in Postgres where there is no Redis", async () => {
    const engine = await new EngineFixture().reign("postgres");
    expect(await read(engine, 1000, { ...engine.context, redis: null })).toMatchObject({ store: "postgres" });
    expect(engine.calls).toEqual(["postgres.readRecords"]);
  });

  test("is found again after it moved", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.context.term.refresh();
    engine.move("postgres", 2);
    expect(await read(engine)).toMatchObject({ store: "postgres", fence: { term: 2 } });
    expect(engine.context.term.reign).toEqual({ term: 2, authority: "postgres" });
  });

  test("can't be Redis for a process without a connection to it", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.context.term.refresh();
    const error = await failure(engine, 1000, { ...engine.context, redis: null });
    expect(error).toMatchObject({ name: "AuthorityReadError", store: "redis" });
    expect(error.cause).toMatchObject({ message: "no connection to Redis is configured" });
  });
});

describe("a failing authority", () => {
  test("ends the read with its store and its reason, and is looked for anew", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.context.term.refresh();
    engine.outage("redis");
    engine.calls.length = 0;
    const error = await failure(engine);
    expect(error).toBeInstanceOf(AuthorityReadError);
    expect(error).toMatchObject({
      store: "redis",
      message: "the authority could not be read",
      cause: { code: "ECONNREFUSED" },
    });
    expect(engine.called("postgres.readFence")).toBe(1);
  });

  test("that is silent gets its share of the time, so that some is left to ask the other store", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.whenever("redis.readRecords", never);
    const begun = performance.now();
    expect((await failure(engine, 400)).cause).toMatchObject({ name: "StoreTimeoutError" });
    expect(performance.now() - begun).toBeGreaterThan(200);
    expect(performance.now() - begun).toBeLessThan(400);
  });

  test("that is silent is given up after a second, however long the operation may take", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.whenever("redis.readRecords", never);
    expect((await failure(engine, 60_000)).cause).toMatchObject({
      message: "redis didn't answer within 1000 ms",
    });
  });
});

describe("a closed store", () => {
  test("is believed while the other doesn't reign yet", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: item("red") })]);
    close(engine, "redis");
    const answer = await read(engine);
    expect(answer).toMatchObject({ store: "redis", fence: { role: "closed" }, reply: { held: [{ kind: "value" }] } });
    expect(engine.called("postgres.readRecords")).toBe(1);
  });

  test("is not believed once the other reigns in a later term", async () => {
    const engine = await new EngineFixture().reign("redis");
    close(engine, "redis");
    await engine.postgres.store.openFence(2);
    expect(await read(engine)).toMatchObject({ store: "postgres", fence: { term: 2 } });
  });

  test("is believed against an authority of the same term, which reigned before it", async () => {
    const engine = await new EngineFixture().reign("redis");
    close(engine, "redis");
    const { control } = engine.servers.postgres;
    if (control.fence) control.fence = { ...control.fence, role: "authority" };
    expect(await read(engine)).toMatchObject({ store: "redis", fence: { role: "closed" } });
  });

  test("says nothing while the other can't be asked", async () => {
    const engine = await new EngineFixture().reign("redis");
    close(engine, "redis");
    engine.outage("postgres");
    expect(await failure(engine)).toMatchObject({ store: "postgres", cause: { code: "ECONNREFUSED" } });
  });

  test("is believed by a process that knows no other", async () => {
    const engine = await new EngineFixture().reign("postgres");
    close(engine, "postgres");
    expect(await read(engine, 1000, { ...engine.context, redis: null })).toMatchObject({ store: "postgres" });
  });
});

describe("while nobody reigns", () => {
  test("a read waits, and is answered by whoever does next", async () => {
    const engine = await new EngineFixture().reign("redis");
    const { control } = engine.servers.redis;
    const fence = control.fence;
    control.fence = null;
    const reading = read(engine);
    setTimeout(() => {
      control.fence = fence;
    }, 40);
    expect(await reading).toMatchObject({ store: "redis" });
    expect(engine.settle).toHaveBeenCalled();
  });

  test("a read ends in its own time, with the state of both fences", async () => {
    const engine = await new EngineFixture();
    const begun = performance.now();
    const error = await failure(engine, 200);
    expect(performance.now() - begun).toBeLessThan(200);
    expect(error).toMatchObject({ store: "redis" });
    expect((error.cause as Error).message).toMatch(/being settled \(Redis: no fence, Postgres: no fence\)/);
  });

  test("a look at silent fences takes no longer than the read has", async () => {
    const engine = await new EngineFixture();
    engine.whenever("redis.readFence", never);
    const begun = performance.now();
    const error = await failure(engine, 200);
    expect(performance.now() - begun).toBeLessThan(600);
    expect((error.cause as Error).message).toBe("The authority wasn't found in the time of the read.");
  });

  test("an authority that moves on and on ends the read", async () => {
    const engine = await new EngineFixture().reign("redis");
    const { fence } = engine.servers.redis.control;
    // Every look finds Redis reigning, every read finds that it doesn't.
    engine.whenever("redis.readFence", () => {
      engine.servers.redis.control.fence = fence;
    });
    engine.whenever("redis.readRecords", async () => {
      engine.servers.redis.control.fence = fence && { ...fence, role: "mirror" };
      await new Promise((resolve) => setTimeout(resolve, 5));
    });
    expect(await failure(engine, 100)).toBeInstanceOf(AuthorityReadError);
  });
});

describe("across terms", () => {
  const moved = new TermMovedError("redis");
  test("a read begins again, four times at most", async () => {
    let tries = 0;
    const answer = await acrossTerms(async () => {
      if (++tries < 4) throw moved;
      return "answer";
    });
    expect(answer).toBe("answer");
    tries = 0;
    const always = async () => {
      tries++;
      throw moved;
    };
    await expect(acrossTerms(always)).rejects.toBe(moved);
    expect(tries).toBe(4);
  });
  test("any other failure ends it", async () => {
    let tries = 0;
    const other = new AuthorityReadError("redis", new Error("away"));
    await expect(
      acrossTerms(async () => {
        tries++;
        throw other;
      }),
    ).rejects.toBe(other);
    expect(tries).toBe(1);
    expect(moved).toMatchObject({ store: "redis", cause: { message: "The term moved during the read." } });
  });
});
