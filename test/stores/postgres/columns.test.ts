/** Typed columns follow the value, whatever their types and defaults, and one refused record stops no other. */
import { describe, expect, test } from "vitest";
import { recordState } from "../../contract/contract-harness.js";
import {
  add,
  admitted,
  peopleRecords,
  person,
  ticketRecords,
  useStore,
  visitCounters,
  write,
} from "./store-fixture.js";

const fixture = useStore();
const row = async (id: string) => (await fixture().sql`SELECT * FROM people WHERE id = ${id}`)[0];

describe("typed columns", () => {
  test("of many types hold what was projected", async () => {
    const { store } = fixture();
    admitted(await store.writeRecords(peopleRecords, 1, [write("a", { bytes: person({ age: 12, odd: 'x"\\' }) })]));
    expect(await row("a")).toMatchObject({
      email: "a@example.com",
      age: 12,
      is_adult: false,
      mood: "loud",
      tags: ["a,b", 'with "quotes" and \\', "", "NULL"],
      details: { age: 12, odd: 'x"\\' },
      born: new Date("2000-01-01T00:00:00Z"),
      role: "member",
      nickname: null,
    });
  });

  test("that the value says nothing of get a constant default, keep a computed one, and else are null", async () => {
    const { store } = fixture();
    admitted(
      await store.writeRecords(peopleRecords, 1, [write("a", { bytes: person({ role: "admin", nickname: "al" }) })]),
    );
    const before = await row("a");
    admitted(await store.writeRecords(peopleRecords, 1, [write("a")]));
    const after = await row("a");
    expect(before).toMatchObject({
      role: "admin",
      nickname: "al",
      number: expect.any(Number),
      created_at: expect.any(Date),
    });
    expect(after).toMatchObject({
      role: "member",
      nickname: null,
      number: before?.number,
      created_at: before?.created_at,
    });
  });

  test("hold a replacement for characters that Postgres can't store, and the bytes none", async () => {
    const { store } = fixture();
    const bytes = Buffer.from('{"email":"\\u0000@x","odd":"\\u0000\\ud800\\\\u0000 \\ud83d\\ude00"}');
    admitted(await store.writeRecords(peopleRecords, 1, [write("a", { bytes })]));
    expect(await row("a")).toMatchObject({
      email: "\ufffd@x",
      details: { odd: "\ufffd\ufffd\\u0000 \u{1f600}" },
      sync_original: bytes,
    });
  });
});

describe("a tombstone", () => {
  test("nulls what can be null and makes the rest neutral, so that two of them don't collide", async () => {
    const { store } = fixture();
    admitted(
      await store.writeRecords(peopleRecords, 1, [
        write("a", { bytes: person({ nickname: "al", role: "admin" }) }),
        write("b"),
      ]),
    );
    const deletes = ["a", "b", "c", "d"].map((id) => write(id, { bytes: null }));
    expect(admitted(await store.writeRecords(peopleRecords, 1, deletes)).map(({ kind }) => kind)).toEqual(
      Array(4).fill("written"),
    );
    for (const id of ["a", "d"]) {
      expect(await row(id)).toMatchObject({
        email: `deleted:${id}`,
        age: 0,
        is_adult: false,
        mood: "calm",
        tags: [],
        details: null,
        role: "member",
        nickname: null,
        sync_original: null,
        sync_expires_at: null,
      });
    }
    expect(admitted(await store.writeRecords(peopleRecords, 1, [write("a")]))).toMatchObject([{ kind: "written" }]);
    expect(await row("a")).toMatchObject({ email: "a@example.com" });
  });

  test("is taken by the mirror beside values and older tombstones", async () => {
    const { store } = fixture();
    const states = ["a", "b", "c"].map((id, n) => ({
      id,
      state: recordState({ stamp: 10, bytes: n === 1 ? person() : null }),
    }));
    expect(admitted(await store.applyRecords(peopleRecords, 1, states)).map(({ kind }) => kind)).toEqual(
      Array(3).fill("applied"),
    );
    expect((await store.readRecords(peopleRecords, ["a", "b", "c"])).held.map(({ kind }) => kind)).toEqual([
      "tombstone",
      "value",
      "tombstone",
    ]);
  });
});

describe("a record that the table refuses", () => {
  const cases = [
    ["a duplicate", person({ email: "TAKEN@example.com" })],
    ["a failed check", person({ age: -1 })],
    ["a number out of range", person({ age: 3_000_000_000 })],
    ["a text too long", person({ nickname: "too long" })],
    ["a value of the wrong type", person({ age: "many" as unknown as number })],
  ] as const;

  test.each(cases)("for %s is rejected alone", async (_, bytes) => {
    const { store } = fixture();
    admitted(
      await store.writeRecords(peopleRecords, 1, [write("x", { bytes: person({ email: "taken@example.com" }) })]),
    );
    const writes = Array.from({ length: 21 }, (_, n) => write(`${n}`, n === 13 ? { bytes } : {}));
    const results = admitted(await store.writeRecords(peopleRecords, 1, writes));
    expect(results[13]).toEqual({ kind: "rejected", reason: expect.stringMatching(/SQLSTATE 2/) });
    expect(results.filter(({ kind }) => kind === "written")).toHaveLength(20);
    expect(await store.logStatus(peopleRecords)).toMatchObject({ entries: 21 });
    const states = writes.map(({ id, bytes }) => ({ id, state: recordState({ stamp: 2 ** 52, bytes }) }));
    const applied = admitted(await store.applyRecords(peopleRecords, 1, states));
    expect(applied.map(({ kind }) => kind)).toEqual(writes.map((_, n) => (n === 13 ? "rejected" : "applied")));
  });

  test("tells no value in the reason", async () => {
    const { store } = fixture();
    const [result] = admitted(
      await store.writeRecords(peopleRecords, 1, [
        write("a", { bytes: person({ age: "secret" as unknown as number }) }),
      ]),
    );
    expect(result).toMatchObject({ kind: "rejected" });
    expect(JSON.stringify(result)).not.toContain("secret");
  });

  test("for its id is rejected by a write, and absent to a reader", async () => {
    const { store } = fixture();
    const good = "9f1b2c3d-0000-4000-8000-000000000001";
    const results = admitted(
      await store.writeRecords(ticketRecords, 1, [write("no uuid"), write(good), write("nul \0")]),
    );
    expect(results.map(({ kind }) => kind)).toEqual(["rejected", "written", "rejected"]);
    const { fence, held } = await store.readRecords(ticketRecords, ["no uuid", good, "nul \0"]);
    expect(fence).toMatchObject({ term: 1 });
    expect(held.map(({ kind }) => kind)).toEqual(["absent", "value", "absent"]);
    expect((await store.readRecords(ticketRecords, ["no uuid"])).held).toEqual([{ kind: "absent" }]);
    const long = Array.from({ length: 41 }, () => "x").join("");
    expect(admitted(await store.writeRecords(peopleRecords, 1, [write(long)]))).toMatchObject([{ kind: "rejected" }]);
  });
});

describe("a counter's typed columns", () => {
  const total = async (id: string) => (await fixture().sql`SELECT label, total::int FROM visits WHERE id = ${id}`)[0];

  test("follow the sum through increments, merges and new generations", async () => {
    const { store } = fixture();
    admitted(await store.addToCounters(visitCounters, 1, [add("a", { by: 3, ttlMs: 60_000 })]));
    admitted(await store.addToCounters(visitCounters, 1, [add("a", { by: 4, ttlMs: 60_000 }), add("b")]));
    expect(await total("a")).toMatchObject({ label: "of a", total: 7 });
    const [held] = (await store.readCounters(visitCounters, ["a"])).held;
    if (held?.kind !== "value") throw new Error("absent");
    admitted(
      await store.applyCounters(visitCounters, 1, [
        { id: "a", state: { ...held, redisPart: 5, postgresPart: 2, stamp: held.stamp + 1 } },
      ]),
    );
    expect(await total("a")).toMatchObject({ total: 12 });
    await fixture().sql`UPDATE visits SET sync_expires_at = now() - interval '1 second' WHERE id = 'a'`;
    const [added] = admitted(await store.addToCounters(visitCounters, 1, [add("a", { by: 2, ttlMs: 60_000 })]));
    expect(added).toMatchObject({ kind: "added", state: { redisPart: 0, postgresPart: 2 } });
    expect((added as { state: { generation: number } }).state.generation).toBeGreaterThan(held.generation);
    expect(await total("a")).toMatchObject({ total: 2 });
  });

  test("begin with the sum of what was copied, whose generation stays 0", async () => {
    const { store } = fixture();
    const state = { generation: 0, redisPart: 40, postgresPart: 0, stamp: 0, expiresAt: null, operations: [] };
    admitted(await store.applyCounters(visitCounters, 1, [{ id: "a", state }]));
    expect(await total("a")).toMatchObject({ total: 40 });
    expect(admitted(await store.addToCounters(visitCounters, 1, [add("a")]))).toMatchObject([
      { kind: "added", state: { generation: 0, redisPart: 40, postgresPart: 1 } },
    ]);
    expect(await total("a")).toMatchObject({ total: 41 });
  });
});
