/** Keeps divergences in the control tables, where the gate counts them. */
import type { EventHub } from "../engine/events.js";
import type { Evidence } from "../stores/evidence.js";

/** Divergences that wait to be recorded at most; further ones are only counted and logged. */
const LIMIT = 100;

export function recordDivergences(events: EventHub, evidence: Evidence): void {
  let waiting = 0;
  events.on("divergence", (event) => {
    if (waiting >= LIMIT) return;
    waiting++;
    evidence
      .recordDivergence(event)
      .catch(() => {}) // Logged and counted already; Postgres is away.
      .finally(() => waiting--);
  });
}
