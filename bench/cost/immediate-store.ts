/** A store that answers at once and keeps nothing: what an operation costs on it is the facade's own cost. */
import type { StoreName } from "../../src/stores/state.js";
import type { Fence, Store } from "../../src/stores/store.js";

/** Replies are made once for each number of items, so that the store itself makes no garbage. */
function prepared<T>(make: (items: number) => T): (items: number) => Promise<T> {
  const replies: (Promise<T> | undefined)[] = [];
  return (items) => {
    const known = replies[items];
    if (known) return known;
    const reply = Promise.resolve(make(items));
    replies[items] = reply;
    return reply;
  };
}

export function immediateStore(name: StoreName, isAuthority: boolean, value: Buffer): Store {
  const fence: Fence = { term: 1, role: isAuthority ? "authority" : "mirror", complete: true };
  const stamp = Date.now() * 1000;
  const state = { stamp, expiresAt: null, operations: ["an-operation-id"] };
  const held = { ...state, kind: "value", bytes: value, bypass: false, compared: true } as const;
  const counter = { ...state, generation: stamp, redisPart: 7, postgresPart: 0 };
  const many = <T>(items: number, one: T) => Array.from({ length: items }, () => one);
  const readValue = prepared((items) => ({ fence, values: many(items, value) }));
  const read = prepared((items) => ({ fence, held: many(items, held) }));
  const readCounter = prepared((items) => ({
    fence,
    held: many(items, { ...counter, kind: "value" as const, bypass: false, compared: true }),
  }));
  const written = { kind: "written", state: { ...state, bytes: value } } as const;
  const write = prepared((items) => ({ fenced: false as const, results: many(items, written) }));
  const apply = prepared((items) => ({ fenced: false as const, results: many(items, { kind: "applied" as const }) }));
  const added = { kind: "added", state: counter } as const;
  const add = prepared((items) => ({ fenced: false as const, results: many(items, added) }));
  const nothing = Promise.resolve();
  const present = Promise.resolve(fence);
  const calls: Partial<Store> = {
    name,
    sameIdTwice: name === "redis",
    readValues: (_, ids) => readValue(ids.length),
    readRecords: (_, ids) => read(ids.length),
    writeRecords: (_, __, writes) => write(writes.length),
    applyRecords: (_, __, states) => apply(states.length),
    readCounters: (_, ids) => readCounter(ids.length),
    addToCounters: (_, __, adds) => add(adds.length),
    applyCounters: (_, __, states) => apply(states.length),
    clearLog: () => nothing,
    readFence: () => present,
  };
  // Whatever else is asked for fails as loudly as a method that isn't there.
  return calls as Store;
}
