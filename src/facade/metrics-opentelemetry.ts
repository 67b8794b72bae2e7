/** Shows a store's metrics through a meter of OpenTelemetry, which is handed in and never imported. */
import type { HealthSource } from "./handlers.js";
import { type Metric, metrics } from "./metrics.js";

type Attributes = Record<string, string>;

/** What is used of a `Meter` of `@opentelemetry/api`. `I`: its instruments. */
export interface OpenTelemetryMeter<I> {
  createObservableGauge(name: string, options: { description: string; unit: string }): I;
  createObservableCounter(name: string, options: { description: string; unit: string }): I;
  addBatchObservableCallback(callback: BatchCallback<I>, observables: I[]): void;
  removeBatchObservableCallback(callback: BatchCallback<I>, observables: I[]): void;
}

type BatchCallback<I> = (result: {
  observe(instrument: I, value: number, attributes?: Attributes): void;
}) => Promise<void>;

/**
 * Makes an instrument named `dual_write.…` of each metric. The store is looked at once for each collection, and only then.
 * Returns a function that ends it.
 *
 * @example
 * import { metrics } from "@opentelemetry/api";
 *
 * const stop = addOpenTelemetryMetrics(store, metrics.getMeter("my-backend"));
 */
export function addOpenTelemetryMetrics<I>(store: HealthSource, meter: OpenTelemetryMeter<I>): () => void {
  const instruments = metrics.map((metric) => ({ metric, instrument: instrumentOf(meter, metric) }));
  const observables = instruments.map(({ instrument }) => instrument);
  const callback: BatchCallback<I> = async (result) => {
    const health = await store.health();
    for (const { metric, instrument } of instruments)
      for (const { value, labels } of metric.measure(health)) result.observe(instrument, value, labels);
  };
  meter.addBatchObservableCallback(callback, observables);
  return () => meter.removeBatchObservableCallback(callback, observables);
}

function instrumentOf<I>(meter: OpenTelemetryMeter<I>, { name, help, unit, kind }: Metric): I {
  const options = { description: help, unit: unit === "seconds" ? "s" : "1" };
  return kind === "counter"
    ? meter.createObservableCounter(`dual_write.${name}`, options)
    : meter.createObservableGauge(`dual_write.${name}`, options);
}
