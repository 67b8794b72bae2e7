/** Calls that are under way at once share round trips, and each is told what it would have been told alone. */
import { describe, expect, test } from "vitest";
import { OverloadedError } from "../../src/errors.js";
import { Batcher, type Joining } from "../../src/stores/coalescing/batcher.js";
import { type Attempt, coalesced } from "../../src/stores/coalescing/coalesced.js";
import type { RecordCollection } from "../../src/stores/collection.js";
import type { RecordState } from "../../src/stores/state.js";
import type { ApplyResult, Store } from "../../src/stores/store.js";

/** A server whose answers come when the test says so. */
function server() {
  const sent: { items: string[]; answer: (error?: Error) => void }[] = [];
  const send = (items: readonly string[]) =>
    new Promise<string[]>((resolve, reject) => {
      const answer = (error?: Error) => (error ? reject(error) : resolve(items.map((item) => `${item}!`)));
      sent.push({ items: [...items], answer });
    });
  const part: Joining<string, string[]>["part"] = (reply, _items, _sent, places) =>
    places.map((place) => reply[place] as string);
  const batcher = (same: Joining<string, string[]>["same"], worthwhile = 1000) =>
    new Batcher<string, string[]>({ idOf: (item) => item.split("=")[0] as string, same, worthwhile, send, part });
  return { sent, batcher };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a batcher", () => {
  test("sends one call by itself at once, and what comes meanwhile together", async () => {
    const { sent, batcher } = server();
    const one = batcher("twice");
    const first = one.run(["a"], 1000);
    await turn();
    const second = one.run(["b"], 1000);
    await turn();
    const rest = [one.run(["c"], 1000), one.run(["d", "e"], 1000), one.run([], 1000)];
    await turn();
    expect(sent.map(({ items }) => items)).toEqual([["a"], ["b"]]);
    sent[0]?.answer();
    expect(await first).toEqual(["a!"]);
    await turn();
    expect(sent[2]?.items).toEqual(["c", "d", "e"]);
    sent[1]?.answer();
    sent[2]?.answer();
    expect(await second).toEqual(["b!"]);
    expect(await Promise.all(rest)).toEqual([["c!"], ["d!", "e!"], []]);
    expect(one.isIdle).toBe(true);
  });

  test("sends many calls that find nothing in flight as two, where each half pays, and then what each half brings", async () => {
    const { sent, batcher } = server();
    const one = batcher("twice", 2);
    const run = (...names: string[]) => names.map((name) => one.run([name], 1000));
    const first = run("a", "b", "c");
    await turn();
    expect(sent.map(({ items }) => items)).toEqual([["a", "b"], ["c"]]);
    sent[1]?.answer();
    await first[2];
    const second = run("d", "e", "f", "g");
    await turn();
    expect(sent[2]?.items).toEqual(["d", "e", "f", "g"]);
    sent[0]?.answer();
    sent[2]?.answer();
    await Promise.all([...first, ...second]);
    const few = run("h", "i");
    await turn();
    expect(sent[3]?.items).toEqual(["h", "i"]);
    sent[3]?.answer();
    expect(await Promise.all(few)).toEqual([["h!"], ["i!"]]);
  });

  test("tells a failure to the calls of its batch and to no other", async () => {
    const { sent, batcher } = server();
    const one = batcher("twice");
    const failing = [one.run(["a"], 1000), one.run(["b"], 1000)];
    await turn();
    const sound = one.run(["c"], 1000);
    await turn();
    sent[0]?.answer(new Error("cut"));
    sent[1]?.answer();
    expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await sound).toEqual(["c!"]);
    const next = one.run(["d"], 1000);
    await turn();
    sent[2]?.answer();
    expect(await next).toEqual(["d!"]);
  });

  test("keeps the order of calls that name one id, where a batch may name it once", async () => {
    const { sent, batcher } = server();
    const one = batcher("later");
    const calls = [
      one.run(["a=1"], 1000),
      one.run(["a=2", "b=1"], 1000),
      one.run(["b=2"], 1000),
      one.run(["c=1"], 1000),
    ];
    await turn();
    expect(sent.map(({ items }) => items)).toEqual([
      ["a=1", "c=1"],
      ["a=2", "b=1"],
    ]);
    sent[1]?.answer();
    await turn();
    expect(sent[2]?.items).toEqual(["b=2"]);
    for (const { answer } of sent) answer();
    expect(await Promise.all(calls)).toEqual([["a=1!"], ["a=2!", "b=1!"], ["b=2!"], ["c=1!"]]);
  });

  test("bounds what waits by a clear error", async () => {
    const { batcher } = server();
    const one = batcher("twice");
    for (let n = 0; n < 20_000; n++) void one.run([`${n}`], 60_000);
    await expect(one.run(["more"], 60_000)).rejects.toBeInstanceOf(OverloadedError);
  });

  test("cuts what would be too long for one round trip", async () => {
    const { sent, batcher } = server();
    const one = batcher("twice");
    const calls = Array.from({ length: 2500 }, (_, n) => one.run([`${n}`], 60_000));
    await turn();
    expect(sent.map(({ items }) => items.length)).toEqual([1000, 1000]);
    sent[0]?.answer();
    await turn();
    expect(sent[2]?.items).toHaveLength(500);
    for (const { answer } of sent) answer();
    expect((await Promise.all(calls)).flat()).toEqual(Array.from({ length: 2500 }, (_, n) => `${n}!`));
  });
});

describe("states for the mirror", () => {
  const collection = { kind: "records", name: "things" } as RecordCollection;
  const state = (stamp: number): RecordState => ({
    stamp,
    bytes: Buffer.from(`${stamp}`),
    expiresAt: null,
    operations: [],
  });
  const mirror = (answers: (stamps: number[]) => ApplyResult[]) => {
    const told: number[][] = [];
    const store = {
      applyRecords: async (_collection: unknown, _term: number, states: readonly { state: RecordState }[]) => {
        told.push(states.map((one) => one.state.stamp));
        return { fenced: false, results: answers(states.map((one) => one.state.stamp)) };
      },
    } as unknown as Store;
    const hot = coalesced(((call) => call(store)) as Attempt, false);
    const tell = (term: number, stamp: number) =>
      hot.applyRecords(collection, term, [{ id: "a", state: state(stamp) }], 1000);
    return { told, tell };
  };

  test("of one record the newest goes, and stands for the older ones", async () => {
    const { told, tell } = mirror((stamps) => stamps.map(() => ({ kind: "applied", overwrote: true })));
    const answers = await Promise.all([tell(1, 2), tell(1, 6), tell(1, 4)]);
    expect(told).toEqual([[6]]);
    expect(answers.map((one) => !one.fenced && one.results)).toEqual([
      [{ kind: "kept", stamp: 6, same: false }],
      [{ kind: "applied", overwrote: true }],
      [{ kind: "kept", stamp: 6, same: false }],
    ]);
  });

  test("a refusal of the newest isn't one of the older: that goes by itself", async () => {
    const { told, tell } = mirror((stamps) =>
      stamps.map((stamp) => (stamp === 6 ? { kind: "rejected", reason: "odd" } : { kind: "applied" })),
    );
    const answers = await Promise.all([tell(1, 2), tell(1, 6)]);
    expect(told).toEqual([[6], [2]]);
    expect(answers.map((one) => !one.fenced && one.results[0]?.kind)).toEqual(["applied", "rejected"]);
  });

  test("those of two terms never share a step", async () => {
    const { told, tell } = mirror((stamps) => stamps.map(() => ({ kind: "applied" })));
    await Promise.all([tell(1, 2), tell(2, 4)]);
    expect(told).toEqual([[2], [4]]);
  });
});
