/** Shows a store's metrics in a registry of prom-client, which is handed in and never imported. */
import type { HealthSource } from "./handlers.js";
import type { Health } from "./health.js";
import { type Metric, metrics } from "./metrics.js";

interface PrometheusMetric {
  inc(labels: Record<string, string>, value: number): void;
  reset(): void;
}

interface PrometheusMetricOptions {
  name: string;
  help: string;
  labelNames: string[];
  // biome-ignore lint/suspicious/noExplicitAny: a registry of whichever version is handed in
  registers?: any[];
  collect: () => Promise<void>;
}

/** What is used of the module `prom-client`. */
export interface PrometheusClient {
  readonly Gauge: new (options: PrometheusMetricOptions) => PrometheusMetric;
  readonly Counter: new (options: PrometheusMetricOptions) => PrometheusMetric;
}

export interface PrometheusOptions {
  /** The module `prom-client`. */
  readonly client: PrometheusClient;
  /** A registry of it. @default its own, which all parts of a process share */
  readonly registry?: unknown;
}

/**
 * Registers the metrics, each named `dual_write_…`. The store is looked at once for each scrape, and only then.
 *
 * @example
 * import * as client from "prom-client";
 *
 * addPrometheusMetrics(store, { client });
 * createServer(async (_, response) => response.end(await client.register.metrics()));
 */
export function addPrometheusMetrics(store: HealthSource, { client, registry }: PrometheusOptions): void {
  const look = shared(() => store.health());
  for (const metric of metrics) {
    const Kind = metric.kind === "counter" ? client.Counter : client.Gauge;
    const registered = new Kind({
      name: prometheusName(metric),
      help: metric.help,
      labelNames: [...metric.labels],
      ...(registry === undefined ? {} : { registers: [registry] }),
      collect: async () => {
        const measurements = metric.measure(await look());
        registered.reset();
        for (const { labels, value } of measurements) registered.inc({ ...labels }, value);
      },
    });
  }
}

function prometheusName({ name, unit, kind }: Metric): string {
  return `dual_write_${name.replaceAll(".", "_")}${unit ? `_${unit}` : ""}${kind === "counter" ? "_total" : ""}`;
}

/** All metrics of a scrape are collected at once: they share one look. */
function shared(look: () => Promise<Health>): () => Promise<Health> {
  let looking: Promise<Health> | null = null;
  return () => {
    looking ??= look().finally(() => {
      looking = null;
    });
    return looking;
  };
}
