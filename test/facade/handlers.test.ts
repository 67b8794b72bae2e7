/** What a load balancer and a collector of metrics are told over a real HTTP server, while real stores come and go. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { metrics as openTelemetry } from "@opentelemetry/api";
import * as prometheus from "prom-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  addOpenTelemetryMetrics,
  addPrometheusMetrics,
  type DualWriteStore,
  type HttpHandler,
  livenessHandler,
  readinessHandler,
} from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";

let pair: Pair;
let store: DualWriteStore;
let server: Server;
const registry = new prometheus.Registry();

beforeAll(async () => {
  pair = await openPair();
  store = await pair.open("DUAL_WRITE", { compareReads: 1 });
  addPrometheusMetrics(store, { client: prometheus, registry });
  const routes: Record<string, HttpHandler> = {
    "/healthz": livenessHandler(store),
    "/readyz": readinessHandler(store),
    "/metrics": async (_, response) => void response.end(await registry.metrics()),
  };
  server = createServer((request, response) => void routes[request.url ?? ""]?.(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await pair?.end();
});

const ask = (path: string, init?: RequestInit) =>
  fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, init);

async function metric(name: string): Promise<string | undefined> {
  const text = await (await ask("/metrics")).text();
  return text
    .split("\n")
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length + 1);
}

test("a process that can serve is alive and ready, and says how it does", async () => {
  for (const path of ["/healthz", "/readyz"]) {
    const response = await ask(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toMatchObject({
      strategy: "DUAL_WRITE",
      authority: "redis",
      ready: true,
      waiting: false,
      redis: { reachable: true },
      postgres: { reachable: true },
    });
  }
  expect((await ask("/readyz", { method: "HEAD" })).status).toBe(200);
  expect((await ask("/readyz", { method: "POST" })).status).toBe(405);
});

test("metrics tell what the store did, once looked at", async () => {
  await store.users.create({ email: "ann@example.org" });
  await store.collections.users.get("ann@example.org");
  await waitFor(async () => (await metric("dual_write_reads_compared_total")) === "1");
  expect(await metric('dual_write_stage{strategy="DUAL_WRITE"}')).toBe("1");
  expect(await metric('dual_write_authority{store="redis"}')).toBe("1");
  expect(await metric('dual_write_authority{store="postgres"}')).toBe("0");
  expect(await metric("dual_write_ready")).toBe("1");
  expect(await metric("dual_write_reads_differed_total")).toBe("0");
  expect(Number(await metric('dual_write_store_latency_seconds{store="redis"}'))).toBeGreaterThan(0);
  expect(await metric('dual_write_events_total{event="divergence"}')).toBe("0");
});

test("a mirror that is away leaves a process ready, and the metrics tell it", async () => {
  await pair.databaseProxy.setMode("refuse");
  await store.users.create({ email: "bob@example.org" });
  const response = await ask("/readyz");
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ ready: true, postgres: { reachable: false } });
  expect(text).not.toMatch(/127\.0\.0\.1|ECONN/);
  expect(await metric('dual_write_store_up{store="postgres"}')).toBe("0");
  expect(await metric('dual_write_store_latency_seconds{store="postgres"}')).toBeUndefined();
  expect(Number(await metric("dual_write_repair_log_entries"))).toBeGreaterThan(0);
  await pair.databaseProxy.setMode("pass");
});

test("an authority that is away makes a process unready, and leaves it alive", async () => {
  await pair.redisProxy.setMode("refuse");
  await waitFor(async () => (await ask("/readyz")).status === 503);
  expect((await ask("/healthz")).status).toBe(200);
  expect(await metric("dual_write_ready")).toBe("0");
  await pair.redisProxy.setMode("pass");
  await waitFor(async () => (await ask("/readyz")).status === 200);
});

test("OpenTelemetry gets the same, until it is stopped", async () => {
  // The interface's own meter does nothing, but has the types of a real one.
  addOpenTelemetryMetrics(store, openTelemetry.getMeter("test"))();
  const observed = new Map<string, number>();
  const callbacks = new Set<(result: { observe(name: string, value: number, attributes?: object): void }) => unknown>();
  const stop = addOpenTelemetryMetrics<string>(store, {
    createObservableGauge: (name) => name,
    createObservableCounter: (name) => name,
    addBatchObservableCallback: (callback) => callbacks.add(callback),
    removeBatchObservableCallback: (callback) => callbacks.delete(callback),
  });
  for (const callback of callbacks)
    await callback({
      observe: (name, value, attributes = {}) => observed.set([name, ...Object.values(attributes)].join(" "), value),
    });
  expect(observed.get("dual_write.stage DUAL_WRITE")).toBe(1);
  expect(observed.get("dual_write.store.up redis")).toBe(1);
  expect(observed.get("dual_write.reads.compared")).toBe(1);
  expect(observed.has("dual_write.lag")).toBe(true);
  stop();
  expect(callbacks.size).toBe(0);
});
