/** Whoever changes the fence waits for the writes that it admitted, and none is admitted by an outdated look at it. */
import { describe, expect, test } from "vitest";
import { PostgresStore } from "../../../src/stores/postgres/postgres-store.js";
import { recordState } from "../../contract/contract-harness.js";
import {
  add,
  admitted,
  holding,
  peopleRecords,
  untilBlocked,
  useStore,
  visitCounters,
  write,
} from "./store-fixture.js";

const fixture = useStore();

describe("closing the fence", () => {
  test.each([
    ["write", () => fixture().store.writeRecords(peopleRecords, 1, [write("a")])],
    ["increment", () => fixture().store.addToCounters(visitCounters, 1, [add("a")])],
  ])("waits for the %s it admitted, whose log entry is there afterwards", async (_, step) => {
    const { store, sql } = fixture();
    admitted(await store.writeRecords(peopleRecords, 1, [write("a")]));
    admitted(await store.addToCounters(visitCounters, 1, [add("a")]));
    const collection = _ === "write" ? peopleRecords : visitCounters;
    await store.clearLog(collection, await store.readLog(collection, 10));
    const release = await holding(sql, (tx) => tx`SELECT FROM people, visits FOR UPDATE`);

    const order: string[] = [];
    const writing = step().then((answer) => {
      order.push("written");
      return answer;
    });
    await untilBlocked(sql, 1);
    const closing = store.closeFence(1).then((closed) => {
      order.push("closed");
      return closed;
    });
    await untilBlocked(sql, 2);
    expect(order).toEqual([]);
    await release();

    expect(await closing).toBe(true);
    admitted<unknown>(await writing);
    expect(await store.readLog(collection, 10)).toMatchObject([{ id: "a" }]);
  });

  test("refuses the write that waited for it, although the write's snapshot is older", async () => {
    const { store, sql } = fixture();
    const release = await holding(sql, (tx) => tx`SELECT dual_write_close_fence(1)`);
    const steps = [
      store.writeRecords(peopleRecords, 1, [write("a")]),
      store.addToCounters(visitCounters, 1, [add("a")]),
    ];
    await untilBlocked(sql, 2);
    await release();
    for (const step of steps) expect(await step).toMatchObject({ fenced: true, fence: { term: 1, role: "closed" } });
    expect(await store.readLog(peopleRecords, 10)).toEqual([]);
  });

  test("in the midst of many writes leaves none that isn't in the log", async () => {
    const { store } = fixture();
    const other = await PostgresStore.connect({ postgres: fixture().url });
    let term = 1;
    for (let round = 0; round < 10; round++) {
      const ids = Array.from({ length: 60 }, (_, n) => `${round}:${n % 20}:${n}`);
      const writing = ids.map((id, n) => (n % 2 ? store : other).writeRecords(peopleRecords, term, [write(id)]));
      await Promise.race(writing.slice(0, round + 1));
      expect(await other.closeFence(term)).toBe(true);
      const logged = new Set((await store.readLog(peopleRecords, 10_000)).map(({ id }) => id));
      const answers = await Promise.all(writing);
      for (const [n, id] of ids.entries()) expect(logged.has(id)).toBe(!answers[n]?.fenced);
      term++;
      expect(await store.openFence(term)).toBe(true);
    }
    await other.close();
  });
});

describe("raising the fence", () => {
  test("refuses the mirror's step that waited for it", async () => {
    const { store, sql } = fixture();
    const release = await holding(sql, (tx) => tx`SELECT dual_write_raise_fence(5)`);
    const step = store.applyRecords(peopleRecords, 4, [{ id: "a", state: recordState({ stamp: 10 }) }]);
    await untilBlocked(sql, 1);
    await release();
    expect(await step).toMatchObject({ fenced: true, fence: { term: 5, role: "mirror" } });
  });

  test("once is enough for many steps of a new term at once", async () => {
    const { store } = fixture();
    const steps = Array.from({ length: 20 }, (_, n) =>
      store.applyRecords(peopleRecords, 3, [{ id: `${n}`, state: recordState({ stamp: 10 }) }]),
    );
    for (const answer of await Promise.all(steps)) expect(admitted(answer)).toMatchObject([{ kind: "applied" }]);
    expect(await store.readFence()).toMatchObject({ term: 3, role: "mirror" });
  });
});

test("a write isn't admitted in another isolation level, whose snapshot would hide a closed fence", async () => {
  const { store, url } = fixture();
  const careless = new URL(url);
  careless.searchParams.set("default_transaction_isolation", "repeatable read");
  const other = await PostgresStore.connect({ postgres: careless.href });
  await expect(other.writeRecords(peopleRecords, 1, [write("a")])).rejects.toThrow(/read committed/);
  await expect(other.closeFence(1)).rejects.toThrow(/read committed/);
  await other.close();
  expect(await store.readFence()).toMatchObject({ term: 1, role: "authority" });
});
