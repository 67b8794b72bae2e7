/** Writing records: one step of the authority, begun again with the same operation id, and compare-and-set on top of it. */
import { describe, expect, test } from "vitest";
import { type Change, changeRecord, writeRecords } from "../../src/engine/record-writer.js";
import { AuthorityUnavailableError, ConflictError, OutcomeUnknownError, ValidationError } from "../../src/errors.js";
import { Operation } from "../../src/stores/operation.js";
import { item, items } from "../contract/contract-collections.js";
import { recordState } from "../contract/contract-harness.js";
import { away, cutOff, EngineFixture, fail, never, onVirtualTime, operation, slowly, write } from "./engine-fixture.js";

onVirtualTime();

const RED = item("red");
const BLUE = item("blue");
const GREEN = item("green");

const put = (engine: EngineFixture, id: string, bytes: Buffer | null, op = operation()) =>
  writeRecords(engine.context, items, [write(id, { bytes, operationId: op.id })], op);
const held = async (engine: EngineFixture, store: "redis" | "postgres", id: string) =>
  (await engine[store].store.inspectRecords(items, [id])).held[0];
const logged = async (engine: EngineFixture, store: "redis" | "postgres") => {
  await engine.context.clearer.settled();
  return (await engine[store].store.readLog(items, 10)).map(({ id }) => id);
};

describe("a write", () => {
  test("is decided by the authority, told to the mirror, and leaves no repair-log entry", async () => {
    const engine = await new EngineFixture().reign("redis");
    const [written] = await put(engine, "a", RED);
    expect(written).toMatchObject({ kind: "written", state: { bytes: RED } });
    const stamp = (written as { state: { stamp: number } }).state.stamp;
    expect(await held(engine, "redis", "a")).toMatchObject({ kind: "value", bytes: RED, stamp });
    expect(await held(engine, "postgres", "a")).toMatchObject({ kind: "value", bytes: RED, stamp });
    expect(await logged(engine, "redis")).toEqual([]);
  });

  test("goes to the authority wherever that moved, under the next term", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.context.term.refresh();
    engine.move("postgres", 2);
    expect(await put(engine, "a", RED)).toMatchObject([{ kind: "written" }]);
    expect(engine.called("redis.writeRecords")).toBe(1);
    expect((await held(engine, "postgres", "a")) as { stamp: number }).toMatchObject({ kind: "value", bytes: RED });
    expect(engine.context.term.reign).toEqual({ term: 2, authority: "postgres" });
  });

  test("whose answer was lost is made once, and told to the mirror", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.after("redis.writeRecords", fail(cutOff()));
    expect(await put(engine, "a", RED)).toMatchObject([{ kind: "repeated", state: { bytes: RED } }]);
    expect(await held(engine, "postgres", "a")).toMatchObject({ kind: "value", bytes: RED });
    expect(await logged(engine, "redis")).toEqual([]);
  });

  test("that the mirror calls superseded is made again in the next term with the same operation id", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.before("postgres.applyRecords", () => {
      engine.move("postgres", 2);
      engine.loseRedis(2);
      engine.move("postgres", 2);
    });
    expect(await put(engine, "a", RED)).toMatchObject([{ kind: "written" }]);
    expect(engine.called("redis.writeRecords")).toBe(1);
    expect(await held(engine, "postgres", "a")).toMatchObject({ kind: "value", bytes: RED });
  });

  test("that the mirror calls superseded, and can't be made again, has an unknown outcome", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.before("postgres.applyRecords", () => engine.move("postgres", 2));
    engine.whenever("postgres.writeRecords", fail(away()));
    await expect(put(engine, "a", RED, operation(150))).rejects.toThrow(OutcomeUnknownError);
  });

  test("that the authority refuses for good is told so, with its operation id", async () => {
    const engine = await new EngineFixture().reign("postgres");
    const op = operation();
    const error = await put(engine, "a", Buffer.from("[1"), op).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as ValidationError).message).toContain(`${items.name}: the authority refuses the record: `);
    expect((error as ValidationError).operationId).toBe(op.id);
  });

  test("of several is refused where any of them is refused for good", async () => {
    const engine = await new EngineFixture().reign("postgres");
    const writes = [write("a", { bytes: RED }), write("b", { bytes: Buffer.from("[1") })];
    await expect(writeRecords(engine.context, items, writes, operation())).rejects.toThrow(ValidationError);
  });

  test("that conflicts says so, and tells the mirror nothing", async () => {
    const engine = await new EngineFixture().reign("redis");
    const op = operation();
    const one = write("a", { expected: { stamp: 5, bytes: RED }, operationId: op.id });
    expect(await writeRecords(engine.context, items, [one], op)).toEqual([{ kind: "conflict" }]);
    expect(engine.called("postgres.applyRecords")).toBe(0);
  });

  test("of several keeps each one's message with its own id", async () => {
    const engine = await new EngineFixture().reign("redis");
    const writes = [
      write("a", { expected: { stamp: 5, bytes: RED } }),
      write("b", { bytes: BLUE }),
      write("c", { bytes: null }),
    ];
    expect(await writeRecords(engine.context, items, writes, operation())).toMatchObject([
      { kind: "conflict" },
      { kind: "written" },
      { kind: "written" },
    ]);
    expect(await held(engine, "postgres", "a")).toEqual({ kind: "absent" });
    expect(await held(engine, "postgres", "b")).toMatchObject({ kind: "value", bytes: BLUE });
    expect(await held(engine, "postgres", "c")).toMatchObject({ kind: "tombstone" });
  });
});

describe("a write into an authority that lost its memory", () => {
  async function lost() {
    const engine = await new EngineFixture().reign("redis");
    await engine.postgres.store.applyRecords(items, 1, [
      { id: "a", state: recordState({ stamp: 1000, bytes: RED, operations: ["known"] }) },
    ]);
    engine.loseRedis(2);
    engine.calls.length = 0;
    return engine;
  }

  test("fetches the record first, so that a repetition is known and an older state can't return", async () => {
    const engine = await lost();
    expect(await put(engine, "a", BLUE, operation(1000, "known"))).toMatchObject([
      { kind: "repeated", state: { bytes: RED, stamp: 1000 } },
    ]);
    expect(await put(engine, "a", BLUE)).toMatchObject([{ kind: "written" }]);
    expect(engine.called("postgres.inspectRecords")).toBe(1);
  });

  test("gives its second step the time that is left", async () => {
    const engine = await lost();
    engine.after("redis.applyRecords", () => engine.whenever("redis.writeRecords", slowly));
    expect(await put(engine, "a", BLUE)).toMatchObject([{ kind: "written" }]);
    expect(engine.called("redis.writeRecords")).toBe(2);
  });

  test("gives its second step no more than the time that is left", async () => {
    const engine = await lost();
    engine.after("redis.applyRecords", () => engine.whenever("redis.writeRecords", never));
    const begun = performance.now();
    await expect(put(engine, "a", BLUE, operation(400))).rejects.toThrow(OutcomeUnknownError);
    expect(performance.now() - begun).toBeLessThan(700);
  });

  test("fetches only what is suspect", async () => {
    const engine = await lost();
    const { control } = engine.servers.redis;
    await put(engine, "b", BLUE);
    engine.calls.length = 0;
    const writes = [write("b", { bytes: GREEN }), write("a", { bytes: GREEN })];
    expect(await writeRecords(engine.context, items, writes, operation())).toMatchObject([
      { kind: "repeated" },
      { kind: "written" },
    ]);
    expect(control.fence?.complete).toBe(false);
  });

  test("waits for the other store, and is refused with nothing done if it doesn't return", async () => {
    const engine = await lost();
    await engine.context.term.refresh();
    const end = engine.outage("postgres");
    const refused = await put(engine, "a", BLUE, operation(150)).catch((one: unknown) => one);
    expect(refused).toBeInstanceOf(AuthorityUnavailableError);
    expect((refused as Error).message).toMatch(/lost its memory and the other store can't be asked/);
    expect(await held(engine, "redis", "a")).toEqual({ kind: "absent" });
    const waiting = put(engine, "a", BLUE, operation(5000));
    setTimeout(end, 60);
    expect(await waiting).toMatchObject([{ kind: "written" }]);
  });

  test("begins again where the term moves between its two steps", async () => {
    const engine = await lost();
    engine.after("redis.applyRecords", () => engine.move("postgres", 3));
    expect(await put(engine, "a", BLUE)).toMatchObject([{ kind: "written" }]);
    expect(await held(engine, "postgres", "a")).toMatchObject({ bytes: BLUE });
  });
});

const appended =
  (more: string) =>
  (present: Buffer | null): Change =>
    present ? { bytes: Buffer.concat([present, Buffer.from(more)]), expiresAt: "keep" } : "leave";
const change = (engine: EngineFixture, id: string, how: (present: Buffer | null) => Change, op = operation()) =>
  changeRecord(engine.context, items, id, op, how);

describe("a change", () => {
  test("is made from what stands, and says from what", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a", RED);
    const changed = await change(engine, "a", appended(" "));
    const bytes = Buffer.concat([RED, Buffer.from(" ")]);
    expect(changed).toMatchObject({ kind: "written", before: RED, state: { bytes } });
    expect(await held(engine, "postgres", "a")).toMatchObject({ bytes });
  });

  test("may make a record where there was none, and again where it was deleted", async () => {
    const engine = await new EngineFixture().reign("redis");
    const made = () => ({ bytes: RED, expiresAt: null });
    expect(await change(engine, "a", made)).toMatchObject({ kind: "written", before: null, state: { bytes: RED } });
    await put(engine, "a", null);
    expect(await change(engine, "a", made)).toMatchObject({ kind: "written", before: null });
  });

  test("may leave things as they are, and then writes nothing", async () => {
    const engine = await new EngineFixture().reign("redis");
    expect(await change(engine, "a", appended(" "))).toEqual({ kind: "left", state: null, before: null });
    await put(engine, "a", RED);
    engine.calls.length = 0;
    expect(await change(engine, "a", () => "leave")).toEqual({ kind: "left", state: null, before: RED });
    expect(engine.called("redis.writeRecords")).toBe(0);
  });

  test("that read a bypass writer's work isn't made where a handover has dropped that", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a", RED);
    engine.servers.redis.bypassSet(items.redisKey("a"), BLUE);
    engine.before("redis.writeRecords", () => engine.move("postgres", 2));
    expect(await change(engine, "a", appended(" "))).toMatchObject({ kind: "written", before: RED });
    expect(await held(engine, "postgres", "a")).toMatchObject({ bytes: Buffer.concat([RED, Buffer.from(" ")]) });
  });

  test("begins again on what came between, so that both survive", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a", RED);
    engine.before("redis.writeRecords", () => put(engine, "a", BLUE));
    const seen: (string | undefined)[] = [];
    const changed = await change(engine, "a", (present) => {
      seen.push(present?.toString());
      return appended(" ")(present);
    });
    expect(seen).toEqual([RED.toString(), BLUE.toString()]);
    expect(changed).toMatchObject({
      kind: "written",
      before: BLUE,
      state: { bytes: Buffer.concat([BLUE, Buffer.from(" ")]) },
    });
  });

  test("begins again where a record appeared, or was deleted, between", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.before("redis.writeRecords", () => put(engine, "a", BLUE));
    expect(await change(engine, "a", (present) => (present ? "leave" : { bytes: RED, expiresAt: null }))).toMatchObject(
      {
        kind: "left",
        before: BLUE,
      },
    );
    engine.before("redis.writeRecords", () => put(engine, "a", null));
    expect(await change(engine, "a", appended(" "))).toMatchObject({ kind: "left", before: null });
    engine.before("redis.writeRecords", () => put(engine, "a", null));
    const made = await change(engine, "a", (present) => ({ bytes: present ?? GREEN, expiresAt: null }));
    expect(made).toMatchObject({ kind: "written", before: null, state: { bytes: GREEN } });
  });

  test("that is a repetition isn't made again, and tells what stands", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a", RED);
    await change(engine, "a", appended("1"), operation(1000, "once"));
    const stands = Buffer.concat([RED, Buffer.from("1")]);
    let made = 0;
    const leave = (): Change => {
      made++;
      return "leave";
    };
    const again = await change(engine, "a", leave, operation(1000, "once"));
    expect(again).toMatchObject({
      kind: "repeated",
      before: stands,
      state: { bytes: stands, operations: expect.arrayContaining(["once"]) },
    });
    expect(made).toBe(0);
    await change(engine, "a", () => ({ bytes: null, expiresAt: null }), operation(1000, "gone"));
    expect(await change(engine, "a", leave, operation(1000, "gone"))).toMatchObject({
      kind: "repeated",
      before: null,
      state: { bytes: null },
    });
    expect(made).toBe(0);
    // Others came since: it is known all the same.
    await change(engine, "a", () => ({ bytes: GREEN, expiresAt: null }), operation(1000, "later"));
    expect(await change(engine, "a", leave, operation(1000, "once"))).toMatchObject({
      kind: "repeated",
      before: GREEN,
    });
    expect(made).toBe(0);
  });

  test("whose own answer was lost counts as written, once", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a", RED);
    engine.after("redis.writeRecords", fail(cutOff()));
    expect(await change(engine, "a", appended("1"))).toMatchObject({ kind: "written", before: RED });
    expect(await held(engine, "redis", "a")).toMatchObject({ bytes: Buffer.concat([RED, Buffer.from("1")]) });
  });

  test("gives up at its deadline if others keep coming first", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a", RED);
    const op = operation();
    let others = 0;
    engine.whenever("redis.writeRecords", () =>
      engine.servers.redis.bypassSet(items.redisKey("a"), item(`${++others}`)),
    );
    Object.defineProperty(op, "expired", { get: () => others === 3 });
    const error = await change(engine, "a", appended("1"), op).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ operationId: op.id });
    expect(others).toBe(3);
  });

  test("says so too where the deadline comes while it reads once more", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a", RED);
    let others = 0;
    engine.whenever("redis.writeRecords", () =>
      engine.servers.redis.bypassSet(items.redisKey("a"), item(`${++others}`)),
    );
    engine.whenever("redis.readRecords", () => new Promise((resolve) => setTimeout(resolve, others < 3 ? 10 : 100)));
    const error = await change(engine, "a", appended("1"), operation(60)).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ConflictError);
    expect(others).toBe(3);
  });

  test("of what can't be read is refused", async () => {
    const engine = await new EngineFixture().reign("redis");
    engine.servers.redis.bypassAddMember(items.redisKey("a"), "member");
    const error = await change(engine, "a", appended("1")).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as Error).message).toContain(`${items.name}: the key holds another Redis type`);
  });

  test("an update of what an incomplete authority lacks is built on what the other store has", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.postgres.store.applyRecords(items, 1, [{ id: "a", state: recordState({ stamp: 1000, bytes: RED }) }]);
    engine.loseRedis(2);
    expect(await change(engine, "a", appended("1"))).toMatchObject({ kind: "written", before: RED });
  });

  test("waits for the authority as a write does, and is then refused with nothing applied", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a", RED);
    const end = engine.outage("redis");
    const op = operation(120);
    const error = await change(engine, "a", appended("1"), op).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(AuthorityUnavailableError);
    expect(error).toMatchObject({ operationId: op.id, cause: { code: "ECONNREFUSED" } });
    expect((error as Error).message).toContain(
      "could not be read for an update before the deadline; nothing was applied",
    );
    const waiting = change(engine, "a", appended("1"), operation(5000));
    setTimeout(end, 80);
    expect(await waiting).toMatchObject({ kind: "written", before: RED });
  });

  test("says that its outcome is unknown where an earlier attempt of it changed a store whose reign ended then", async () => {
    const engine = await new EngineFixture().reign("redis");
    await put(engine, "a", RED);
    engine.outage("redis");
    const op = operation(120);
    op.uncertain = true;
    const error = await change(engine, "a", appended("1"), op).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ operationId: op.id, cause: { code: "ECONNREFUSED" } });
  });

  test("ends when its caller cancels it while it waits", async () => {
    const engine = await new EngineFixture().reign("redis");
    await engine.context.term.refresh();
    engine.outage("redis");
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 40);
    const begun = performance.now();
    const op = new Operation({ signal: controller.signal }, 5000);
    await expect(change(engine, "a", appended("1"), op)).rejects.toThrow(AuthorityUnavailableError);
    expect(performance.now() - begun).toBeLessThan(3000);
  });
});
