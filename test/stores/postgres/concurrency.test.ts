/** Concurrent changes of the same rows: none is lost, none is applied twice, none deadlocks. */
import { describe, expect, test } from "vitest";
import { PostgresStore } from "../../../src/stores/postgres/postgres-store.js";
import { type CounterState, mergeCounters } from "../../../src/stores/state.js";
import { counterState, recordState } from "../../contract/contract-harness.js";
import {
  add,
  admitted,
  holding,
  peopleRecords,
  person,
  untilBlocked,
  useStore,
  visitCounters,
  write,
} from "./store-fixture.js";

const fixture = useStore();

/** Reads, adds one to `age` and writes only if nothing changed, until that succeeds. */
async function increment(store: PostgresStore, id: string): Promise<void> {
  const operationId = `increment-${Math.random()}`;
  for (;;) {
    const [held] = (await store.readRecords(peopleRecords, [id])).held;
    const bytes = held?.kind === "value" ? held.bytes : null;
    const age = bytes ? (JSON.parse(bytes.toString()) as { age: number }).age : 0;
    const expected = { stamp: held && "stamp" in held ? held.stamp : 0, bytes };
    const [result] = admitted(
      await store.writeRecords(peopleRecords, 1, [
        write(id, { bytes: person({ age: age + 1 }), expected, operationId }),
      ]),
    );
    if (result?.kind === "written") return;
    expect(result?.kind).toBe("conflict");
  }
}

async function ageOf(store: PostgresStore, id: string): Promise<number> {
  const [held] = (await store.readRecords(peopleRecords, [id])).held;
  return held?.kind === "value" ? (JSON.parse(held.bytes.toString()) as { age: number }).age : 0;
}

describe("compare-and-sets", () => {
  test("by fifty at once on a key that isn't there yet lose no increment", async () => {
    const { store, url } = fixture();
    const other = await PostgresStore.connect({ postgres: url });
    await Promise.all(Array.from({ length: 50 }, (_, n) => increment(n % 2 ? store : other, "a")));
    expect(await ageOf(store, "a")).toBe(50);
    await other.close();
  });

  test("across deletes and unconditional writes keep each value an ancestor of the next", async () => {
    const { store } = fixture();
    await Promise.all([
      ...Array.from({ length: 30 }, () => increment(store, "a")),
      ...Array.from({ length: 5 }, async () =>
        admitted(await store.writeRecords(peopleRecords, 1, [write("a", { bytes: null })])),
      ),
    ]);
    expect(await ageOf(store, "a")).toBeLessThanOrEqual(30);
    const before = await ageOf(store, "a");
    await increment(store, "a");
    expect(await ageOf(store, "a")).toBe(before + 1);
  });

  test("that wait for another writer decide on what that one left", async () => {
    const { store, sql } = fixture();
    const [first] = admitted(await store.writeRecords(peopleRecords, 1, [write("a")]));
    if (first?.kind !== "written") throw new Error("not written");
    const release = await holding(sql, (tx) => tx`UPDATE people SET sync_stamp = sync_stamp + 2 WHERE id = 'a'`);
    const writing = store.writeRecords(peopleRecords, 1, [write("a", { expected: first.state })]);
    await untilBlocked(sql, 1);
    await release();
    expect(admitted(await writing)).toEqual([{ kind: "conflict" }]);
  });

  test("of an expected value insert no row that isn't there", async () => {
    const { store, sql } = fixture();
    expect(
      admitted(await store.writeRecords(peopleRecords, 1, [write("a", { expected: { stamp: 5, bytes: person() } })])),
    ).toEqual([{ kind: "conflict" }]);
    expect(await sql`SELECT FROM people`).toHaveLength(0);
  });

  test("of a value that was never stamped compare its bytes", async () => {
    const { store } = fixture();
    admitted(
      await store.applyRecords(peopleRecords, 1, [
        { id: "a", state: recordState({ stamp: 0, bytes: person({ age: 1 }) }) },
      ]),
    );
    const expecting = (age: number) =>
      write("a", { bytes: person({ age: 9 }), expected: { stamp: 0, bytes: person({ age }) } });
    expect(admitted(await store.writeRecords(peopleRecords, 1, [expecting(2)]))).toEqual([{ kind: "conflict" }]);
    expect(admitted(await store.writeRecords(peopleRecords, 1, [expecting(1)]))).toMatchObject([{ kind: "written" }]);
  });
});

describe("one operation sent twice at once", () => {
  test.each([
    ["a row that isn't there", false],
    ["a row that is", true],
  ])("is applied once on %s", async (_, exists) => {
    const { store, url } = fixture();
    const other = await PostgresStore.connect({ postgres: url });
    for (let round = 0; round < 20; round++) {
      const id = `${round}`;
      if (exists) admitted(await store.writeRecords(peopleRecords, 1, [write(id)]));
      const repeated = write(id, { operationId: "once" });
      const kinds = (
        await Promise.all([store, other, store, other].map((each) => each.writeRecords(peopleRecords, 1, [repeated])))
      ).map((answer) => admitted(answer)[0]?.kind);
      expect(kinds.sort()).toEqual(["repeated", "repeated", "repeated", "written"]);
      if (exists) admitted(await store.addToCounters(visitCounters, 1, [add(id)]));
      const counted = add(id, { operationId: "once" });
      const adds = (
        await Promise.all([store, other, store, other].map((each) => each.addToCounters(visitCounters, 1, [counted])))
      ).map((answer) => admitted(answer)[0]?.kind);
      expect(adds.sort()).toEqual(["added", "repeated", "repeated", "repeated"]);
    }
    await other.close();
  });
});

describe("batches in any order", () => {
  test("of writes, increments, mirrored states and cleared logs don't deadlock", async () => {
    const { store, url } = fixture();
    const other = await PostgresStore.connect({ postgres: url });
    const ids = Array.from({ length: 30 }, (_, n) => `${(n * 7) % 30}`);
    const shuffled = () => [...ids].sort(() => Math.random() - 0.5);
    const all = Array.from({ length: 60 }, async (_, n) => {
      const each = n % 2 ? store : other;
      admitted<unknown>(
        await each.writeRecords(
          peopleRecords,
          1,
          shuffled().map((id) => write(id)),
        ),
      );
      admitted<unknown>(
        await each.addToCounters(
          visitCounters,
          1,
          shuffled().map((id) => add(id)),
        ),
      );
      admitted<unknown>(
        await each.applyRecords(
          peopleRecords,
          1,
          shuffled().map((id) => ({ id, state: recordState({ stamp: n }) })),
        ),
      );
      await each.clearLog(peopleRecords, (await each.readLog(peopleRecords, 100)).reverse());
    });
    await Promise.all(all);
    const { held } = await store.readCounters(visitCounters, ids);
    expect(held.every((counter) => counter.kind === "value" && counter.postgresPart === 60)).toBe(true);
    await other.close();
  });
});

describe("a cleared log entry", () => {
  test("stays if a writer raised it meanwhile", async () => {
    const { store, sql } = fixture();
    const [first] = admitted(await store.writeRecords(peopleRecords, 1, [write("a")]));
    if (first?.kind !== "written") throw new Error("not written");
    const release = await holding(sql, (tx) => tx`UPDATE dual_write_log SET stamp = stamp + 2`);
    const clearing = store.clearLog(peopleRecords, [{ id: "a", stamp: first.state.stamp }]);
    await untilBlocked(sql, 1);
    await release();
    await clearing;
    expect(await store.readLog(peopleRecords, 10)).toEqual([{ id: "a", stamp: first.state.stamp + 2 }]);
  });
});

describe("merging counters", () => {
  test("gives what mergeCounters gives, for any two states in either order", async () => {
    const { store } = fixture();
    const numbers = (limit: number) => Math.floor(Math.random() * limit);
    const moment = Math.floor(Date.now() / 1000) * 1000 + 3_600_000;
    const random = (): CounterState =>
      counterState({
        generation: numbers(3),
        redisPart: numbers(4),
        postgresPart: numbers(4),
        stamp: numbers(5),
        expiresAt: Math.random() < 0.5 ? null : moment + numbers(1000),
        operations: [...new Set(Array.from({ length: numbers(60) }, () => `o${numbers(80)}`))],
      });
    const pairs = Array.from({ length: 300 }, (_, n) => ({ id: `${n}`, a: random(), b: random() }));
    admitted<unknown>(
      await store.applyCounters(
        visitCounters,
        1,
        pairs.map(({ id, a }) => ({ id, state: a })),
      ),
    );
    admitted<unknown>(
      await store.applyCounters(
        visitCounters,
        1,
        pairs.map(({ id, b }) => ({ id, state: b })),
      ),
    );
    const { held } = await store.readCounters(
      visitCounters,
      pairs.map(({ id }) => id),
    );
    for (const [n, { a, b }] of pairs.entries())
      expect(held[n]).toMatchObject({ kind: "value", ...mergeCounters(a, b) });
    const rows = await fixture().sql`SELECT FROM visits WHERE total <> sync_redis_part + sync_postgres_part`;
    expect(rows).toHaveLength(0);
  });
});
