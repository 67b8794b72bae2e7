/** Opening, flipping and closing: what is refused and what is said then, and what works with one store away. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  AuthorityUnavailableError,
  ConfigurationError,
  type DualWriteStore,
  GateRefusedError,
  StrategyError,
} from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { append, drained, ledger, ledgers, legacyKey, openFleet, Past, STAGES, untilAuthority } from "./support.js";

let pair: Pair;
let past: Past;

beforeEach(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterEach(async () => {
  await past?.end();
  await pair?.end();
});

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("it was not refused"),
    (error: unknown) => error as Error,
  );

describe("open", () => {
  it("refuses an unknown strategy and lists the four", async () => {
    for (const strategy of ["POSTGRES", "", undefined, "redis_primary", "toString"]) {
      const error = await failure(pair.open(strategy as never));
      expect(error).toBeInstanceOf(StrategyError);
      for (const name of STAGES) expect(error.message).toContain(name);
    }
  });

  it("reports everything that is wrong in the options at once, and connects to nothing", async () => {
    const { accepted } = pair.redisProxy.counts;
    const error = await failure(
      pair.open("DUAL_WRITE", {
        redis: "postgres://nowhere",
        postgres: "",
        deadlines: { read: 0, write: Number.NaN },
        compareReads: 2,
        lookElsewhere: "sometimes" as never,
        schema: "drop" as never,
        logLimit: 0.5,
        poolSize: 0,
        keyPrefix: "dual-write:mine:",
        collections: { broken: {} as never },
      }),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    const paths = (error as ConfigurationError).issues.map(({ path }) => path).sort();
    expect(paths).toEqual(
      [
        "collections.broken",
        "compareReads",
        "deadlines.read",
        "deadlines.write",
        "keyPrefix",
        "logLimit",
        "lookElsewhere",
        "poolSize",
        "postgres",
        "redis",
        "schema",
      ].sort(),
    );
    for (const path of paths) expect(error.message).toContain(path);
    expect(pair.redisProxy.counts.accepted).toBe(accepted);
  });

  it.each([
    [0, 2],
    [3, 1],
    [0, 3],
  ] as const)("refuses stage %i beside stage %i and names the others", async (stage, newcomer) => {
    const [store] = await openFleet(pair, [STAGES[0]], "redis");
    for (let at = 1; at <= stage; at++) await store?.setStrategy(STAGES[at] as (typeof STAGES)[number]);
    const error = await failure(pair.open(STAGES[newcomer]));
    expect(error).toBeInstanceOf(StrategyError);
    expect(error.message).toContain(`${process.pid} (${STAGES[stage]})`);
    expect(error.message).toContain(STAGES[newcomer]);
    // Refused, it has left nothing behind: the fleet goes on, and may follow where the newcomer stood.
    await ledgers(store as DualWriteStore).put("still", ledger("served"));
    await store?.setStrategy(STAGES[stage === 0 ? 1 : 2]);
  });

  it("works at POSTGRES_ONLY without Redis on a fresh database", async () => {
    const store = await pair.open("POSTGRES_ONLY", { redis: undefined });
    await ledgers(store).put("alone", ledger("first"));
    await append(store, "alone", "second");
    await store.usage.track({ userId: "alone" }, { operationId: "once" });
    await store.usage.track({ userId: "alone" }, { operationId: "once" });
    expect(await ledgers(store).get("alone")).toEqual(ledger("first", "second"));
    expect(await ledgers(store).read("nothing")).toMatchObject({ kind: "miss", store: "postgres", fallback: false });
    expect((await store.usage.stats({ userId: "alone" })).today).toBe(1);
    await store.drain();
    expect(await store.health()).toMatchObject({
      ready: true,
      redis: null,
      authority: "postgres",
      lagMs: 0,
      waitingFor: null,
    });
    expect(await past.redis.dbsize()).toBe(0);
    await expect(store.setStrategy("POSTGRES_PRIMARY")).rejects.toThrow(/Redis/);
    expect(store.strategy).toBe("POSTGRES_ONLY");
    const again = await pair.open("POSTGRES_ONLY", { redis: undefined });
    expect(await ledgers(again).get("alone")).toEqual(ledger("first", "second"));
  });

  it("counts on at REDIS_PRIMARY when Redis lost everything and Postgres is away, and adds it to what Postgres has", async () => {
    const store = await pair.open("REDIS_PRIMARY");
    await untilAuthority(store, "redis");
    await store.usage.track({ userId: "counted" }, { by: 10 });
    await drained(store);
    await pair.databaseProxy.setMode("refuse");
    await past.redis.flushall();
    await store.usage.track({ userId: "counted" }, { by: 3, operationId: "alone" });
    await store.usage.track({ userId: "counted" }, { by: 3, operationId: "alone" });
    await store.usage.track({ userId: "new" }, { by: 2 });
    expect((await store.usage.stats({ userId: "counted" })).today).toBe(3);
    await pair.databaseProxy.setMode("pass");
    await waitFor(() => past.redisIsComplete(), { what: "Redis to be compared" });
    await untilAuthority(store, "redis");
    await store.usage.track({ userId: "counted" }, { by: 3, operationId: "alone" });
    await drained(store);
    await past.expectCounter("counted", 13);
    await past.expectCounter("new", 2);
  });

  it("works at REDIS_PRIMARY while Postgres is away, and Postgres has everything once it is there", async () => {
    await pair.databaseProxy.setMode("refuse");
    const store = await pair.open("REDIS_PRIMARY");
    await ledgers(store).put("early", ledger("first"));
    await append(store, "early", "second");
    await ledgers(store).put("gone", ledger("first"));
    await ledgers(store).delete("gone");
    await store.usage.track({ userId: "early" }, { by: 3 });
    expect(await ledgers(store).read("early")).toMatchObject({ kind: "hit", store: "redis", fallback: false });
    expect(await ledgers(store).read("never")).toMatchObject({ kind: "miss", store: "redis" });
    await store.close();
    const next = await pair.open("REDIS_PRIMARY");
    await append(next, "early", "third");
    await pair.databaseProxy.setMode("pass");
    await waitFor(async () => (await past.sql`select to_regclass('user_sessions') as made`)[0]?.made, {
      what: "the schema to be applied",
    });
    await untilAuthority(next, "redis");
    await drained(next);
    await past.expectRecord("early", ledger("first", "second", "third"));
    await past.expectRecord("gone", null);
    await past.expectCounter("early", 3);
    await next.setStrategy("DUAL_WRITE");
    await append(next, "early", "fourth");
    await drained(next);
    await past.expectRecord("early", ledger("first", "second", "third", "fourth"));
  });
});

describe("close", () => {
  it("lets what is in flight finish, refuses what comes later, and may be called again", async () => {
    const [store, other] = (await openFleet(pair, ["DUAL_WRITE", "DUAL_WRITE"], "redis")) as [
      DualWriteStore,
      DualWriteStore,
    ];
    await ledgers(store).put("closing", ledger());
    const running = Promise.all([
      ...Array.from({ length: 10 }, (_, i) => append(store, "closing", `in-flight-${i}`)),
      ...Array.from({ length: 10 }, () => store.usage.track({ userId: "closing" })),
    ]);
    const closing = store.close();
    await expect(ledgers(store).put("closing", ledger("late"))).rejects.toBeInstanceOf(AuthorityUnavailableError);
    await running;
    await Promise.all([closing, store.close()]);
    await store.close();
    await expect(ledgers(store).get("closing")).rejects.toThrow(/closed/);
    await drained(other);
    expect((await ledgers(other).get("closing"))?.ops).toHaveLength(10);
    await past.expectCounter("closing", 10);
  });

  it("leaves the fleet at once: a strategy two stages away may start", async () => {
    const [store] = (await openFleet(pair, ["REDIS_PRIMARY"], "redis")) as [DualWriteStore];
    await store.close();
    await openFleet(pair, ["POSTGRES_PRIMARY"], "postgres");
  });
});

describe("setStrategy", () => {
  it("refuses to move the authority past a failing gate, lists each failing check, and changes nothing", async () => {
    await past.redis.set(legacyKey("legacy"), JSON.stringify(ledger("legacy")));
    const [store] = (await openFleet(pair, ["DUAL_WRITE"], "redis")) as [DualWriteStore];
    const error = (await failure(store.setStrategy("POSTGRES_PRIMARY"))) as GateRefusedError;
    expect(error).toBeInstanceOf(GateRefusedError);
    const failed = error.checks.filter((check) => !check.passed);
    expect(failed.map(({ name }) => name)).toContain("user_sessions: backfill complete");
    for (const check of failed) {
      expect(check.remedy).not.toBe("");
      expect(error.message).toContain(`${check.name}: ${check.figure}`);
    }
    expect(store.strategy).toBe("DUAL_WRITE");
    expect((await store.health()).authority).toBe("redis");
    await append(store, "legacy", "still served");
    expect(await ledgers(store).get("legacy")).toEqual(ledger("legacy", "still served"));
  });

  it("passes a failing gate only by force with a reason, which is kept", async () => {
    await past.redis.set(legacyKey("legacy"), JSON.stringify(ledger("legacy")));
    const [store] = (await openFleet(pair, ["DUAL_WRITE"], "redis")) as [DualWriteStore];
    await expect(store.setStrategy("POSTGRES_PRIMARY", { force: true })).rejects.toThrow(/reason/);
    await expect(store.setStrategy("POSTGRES_PRIMARY", { force: true, reason: "  " })).rejects.toThrow(/reason/);
    expect((await store.health()).authority).toBe("redis");
    await store.setStrategy("POSTGRES_PRIMARY", { force: true, reason: "only sessions are left" });
    await untilAuthority(store, "postgres");
    const kept = await past.sql`select * from dual_write_decisions where forced`;
    expect(JSON.stringify(kept)).toContain("only sessions are left");
    // What wasn't copied is looked up where it is, and not taken for a miss.
    expect(await ledgers(store).get("legacy")).toEqual(ledger("legacy"));
    await append(store, "legacy", "built on");
    expect(await ledgers(store).get("legacy")).toEqual(ledger("legacy", "built on"));
  });

  it("refuses a strategy that isn't a neighbour, and one that another process is two stages away from", async () => {
    const [store, other] = (await openFleet(pair, ["DUAL_WRITE", "REDIS_PRIMARY"], "redis")) as [
      DualWriteStore,
      DualWriteStore,
    ];
    await expect(other.setStrategy("POSTGRES_PRIMARY")).rejects.toThrow(StrategyError);
    await expect(store.setStrategy("POSTGRES_PRIMARY")).rejects.toThrow(/REDIS_PRIMARY/);
    await expect(store.setStrategy("nonsense" as never)).rejects.toThrow(
      /REDIS_PRIMARY, DUAL_WRITE, POSTGRES_PRIMARY, POSTGRES_ONLY/,
    );
    expect(store.strategy).toBe("DUAL_WRITE");
  });
});
