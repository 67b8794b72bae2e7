/** What a load balancer or an orchestrator asks of a process over HTTP. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Health, StoreHealth } from "./health.js";

/** Any opened store. */
export interface HealthSource {
  health(): Promise<Health>;
}

/** Fits `http.createServer`, and the routes of Express and its like. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * For liveness: answers 200 as long as the process answers at all, whatever its stores do, since a restart would mend none of them.
 * The body is the health as JSON, without the texts that say what is wrong.
 *
 * @example
 * const healthz = livenessHandler(store);
 * const readyz = readinessHandler(store);
 * createServer((request, response) => (request.url === "/healthz" ? healthz : readyz)(request, response));
 */
export function livenessHandler(store: HealthSource): HttpHandler {
  return handler(store, () => 200);
}

/** For readiness: answers 200 while an authority is known and answers, else 503. A mirror that is away doesn't matter. */
export function readinessHandler(store: HealthSource): HttpHandler {
  return handler(store, ({ ready }) => (ready ? 200 : 503));
}

function handler(store: HealthSource, statusOf: (health: Health) => number): HttpHandler {
  return async (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
      return;
    }
    const health = await store.health();
    const body = JSON.stringify(withoutTexts(health));
    response.writeHead(statusOf(health), { "content-type": "application/json", "cache-control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : body);
  };
}

/** Texts about what is wrong name hosts, which are nobody's business who may ask for the health. */
function withoutTexts({ waitingFor, ...health }: Health): unknown {
  const shown = ({ error: _, ...rest }: StoreHealth) => rest;
  const [redis, postgres] = [health.redis && shown(health.redis), shown(health.postgres)];
  return { ...health, redis, postgres, waiting: waitingFor !== null };
}
