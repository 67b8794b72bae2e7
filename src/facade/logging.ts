/** Writes the engine's events to the log, once and here only; what floods during an outage is summed up. */
import type { Logger } from "pino";
import type { EventHub, EventName } from "../engine/events.js";

/** How often events of a kind that comes in floods are written. Milliseconds. */
const SUMMARY_MS = 5000;

export function logEvents(hub: EventHub, logger: Logger): void {
  hub.on("divergence", (event) => logger.warn({ event: "divergence", ...event }, "the stores diverge"));
  hub.on("rejected", (event) => logger.error({ event: "rejected", ...event }, "a record was set aside"));
  hub.on("strategy", (event) => {
    const text = event.waitingFor
      ? `${event.strategy}: waiting for ${event.waitingFor}`
      : `${event.strategy}: the authority is ${event.authority} in term ${event.term}`;
    const level = event.waitingFor ? "warn" : "info";
    logger[level]({ event: "strategy", ...event }, text);
  });
  hub.on("repair", (event) => logger.debug({ event: "repair", ...event }, "repair-log entries worked off"));
  summed(hub, "fallback", (event, count) =>
    logger.warn({ event: "fallback", ...event, count }, "reads were answered by the other store"),
  );
  summed(hub, "mirrorFailure", (event, count) =>
    logger.warn({ event: "mirrorFailure", ...event, count }, "the mirror couldn't be told; the repair log remembers"),
  );
}

/** The first at once, then one line for all that came in each interval. */
function summed<K extends EventName>(
  hub: EventHub,
  name: K,
  write: (event: Parameters<Parameters<typeof hub.on<K>>[1]>[0], count: number) => void,
): void {
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  hub.on(name, (event) => {
    count += "count" in event ? (event as { count: number }).count : 1;
    if (timer) return;
    write(event, count);
    count = 0;
    timer = setTimeout(() => {
      timer = undefined;
      if (count > 0) write(event, count);
      count = 0;
    }, SUMMARY_MS);
    timer.unref();
  });
}
