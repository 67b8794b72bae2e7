/** The store's client on networks that fail: every call settles, says what may have been done, and the next one finds the server again. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isTransient, wasNotApplied, wasNotSent } from "../../../src/stores/postgres/errors.js";
import { PostgresStore } from "../../../src/stores/postgres/postgres-store.js";
import { startProxy, type TcpProxy } from "../../servers/tcp-proxy.js";
import { waitFor } from "../../support/wait-for.js";
import { admitted, holding, peopleRecords, untilBlocked, useStore, write } from "./store-fixture.js";

const fixture = useStore();
let proxy: TcpProxy;
let store: PostgresStore;

beforeEach(async () => {
  proxy = await startProxy({ targetUrl: fixture().url });
  store = await PostgresStore.connect({ postgres: proxy.url, stallMs: 200, max: 3 });
});

afterEach(async () => {
  await proxy.setMode("pass");
  await store.close();
  await proxy.stop();
});

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable("it should have failed"),
    (error: unknown) => error,
  );
const works = (what: string) => waitFor(() => store.now(), { what });

describe("a server that refuses connections", () => {
  test("fails calls at once, as certainly not sent, and is found again soon", async () => {
    await proxy.setMode("refuse");
    const began = performance.now();
    for (let n = 0; n < 10; n++) {
      const error = await failure(store.writeRecords(peopleRecords, 1, [write("a")]));
      expect([isTransient(error), wasNotSent(error), wasNotApplied(error)]).toEqual([true, true, true]);
    }
    expect(performance.now() - began).toBeLessThan(4000);
    await proxy.setMode("pass");
    await store.now().catch(() => store.now());
  });
});

describe("a connection that is cut", () => {
  test("fails what was on it as unknown, and nothing after it", async () => {
    await store.close();
    store = await PostgresStore.connect({ postgres: proxy.url, max: 1 });
    // Prepares the statement, which needs an answer.
    admitted(await store.writeRecords(peopleRecords, 1, [write("before")]));
    await proxy.setMode("swallow-answers");
    const once = write("a");
    const writing = failure(store.writeRecords(peopleRecords, 1, [once]));
    await waitFor(async () => (await fixture().sql`SELECT FROM people WHERE id = 'a'`).length === 1, {
      what: "the write to be applied",
    });
    proxy.cutAll();
    const error = await writing;
    expect([isTransient(error), wasNotSent(error), wasNotApplied(error)]).toEqual([true, false, false]);
    await proxy.setMode("pass");
    await works("a new connection");
    expect(admitted(await store.writeRecords(peopleRecords, 1, [once]))).toMatchObject([{ kind: "repeated" }]);
  });

  test("again and again under load leaves no call unsettled and no operation applied twice", async () => {
    const results: string[] = [];
    let running = true;
    const load = Array.from({ length: 20 }, async (_, worker) => {
      for (let n = 0; running; n++) {
        const once = write(`${worker}`, { operationId: `${worker}:${n}` });
        for (;;) {
          try {
            results.push(admitted(await store.writeRecords(peopleRecords, 1, [once]))[0]?.kind ?? "nothing");
            break;
          } catch (error) {
            if (!isTransient(error)) throw error;
          }
        }
      }
    });
    for (let n = 0; n < 8; n++) {
      const before = results.length;
      await waitFor(() => results.length > before + 40, { what: "writes to go on" });
      proxy.cutAll();
    }
    running = false;
    await Promise.all(load);
    expect(new Set(results)).toEqual(new Set(results.includes("repeated") ? ["written", "repeated"] : ["written"]));
  });

  test("by the server fails as transient, and the next call succeeds", async () => {
    const release = await holding(fixture().sql, (tx) => tx`SELECT dual_write_close_fence(1)`);
    const writing = failure(store.writeRecords(peopleRecords, 1, [write("a")]));
    await untilBlocked(fixture().sql, 1);
    await fixture()
      .sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    const error = await writing;
    expect([isTransient(error), wasNotSent(error), wasNotApplied(error)]).toEqual([true, false, false]);
    await release();
    await works("a new connection");
  });
});

describe("a server that falls silent", () => {
  test("is given up after the stall time, and calls that waited behind it succeed when it is back", async () => {
    await Promise.all(Array.from({ length: 6 }, () => store.now()));
    await proxy.setMode("blackhole");
    const calls = Array.from({ length: 12 }, () =>
      store.now().then(
        () => "answered",
        (error: unknown) => (isTransient(error) ? "failed" : error),
      ),
    );
    expect(await Promise.race(calls)).toBe("failed");
    await proxy.setMode("pass");
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["failed", "answered"]));
    await works("a new connection");
  });

  test("before it let anyone in fails calls as certainly not sent", async () => {
    await proxy.setMode("blackhole");
    const impatient = await PostgresStore.connect({ postgres: `${proxy.url}?connect_timeout=1`, stallMs: 200 });
    const error = await failure(impatient.now());
    expect([isTransient(error), wasNotSent(error)]).toEqual([true, true]);
    await impatient.close();
  });
});

describe("closing", () => {
  test("ends soon although the server is silent, and what was in flight fails", async () => {
    await works("a connection");
    await proxy.setMode("blackhole");
    const call = failure(store.now());
    // The driver sends at the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    const began = performance.now();
    await store.close();
    expect(performance.now() - began).toBeLessThan(4000);
    expect(wasNotSent(await call)).toBe(false);
  });

  test("refuses later calls as not sent, and can be repeated", async () => {
    await store.close();
    await store.close();
    expect(wasNotSent(await failure(store.now()))).toBe(true);
  });
});

test("no more statements run than there are connections", async () => {
  const release = await holding(fixture().sql, (tx) => tx`SELECT dual_write_close_fence(1)`);
  const writing = Array.from({ length: 30 }, (_, n) => store.writeRecords(peopleRecords, 1, [write(`${n}`)]));
  await untilBlocked(fixture().sql, 3);
  const [row] = await fixture()
    .sql`SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = 'dual-write-store' AND state = 'active' AND datname = current_database()`;
  expect(row?.open).toBe(3);
  await release();
  for (const answer of await Promise.all(writing)) expect(answer.fenced).toBe(true);
});
