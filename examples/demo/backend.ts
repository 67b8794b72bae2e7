/** The backend that is being migrated: a small HTTP server which embeds the store. One of several processes. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DualWriteError, DualWriteStore, fromEnv } from "dual-write-store";
import { FALLBACK_HEADER, routes } from "./backend-routes.js";
import { KEY_PREFIX } from "./legacy-form.js";
import { livesWithParent } from "./program.js";

/** What it tells its parent once it listens. */
export interface Listening {
  readonly port: number;
}

livesWithParent();

const store = await DualWriteStore.open({
  redis: process.env.REDIS_URL,
  postgres: process.env.DATABASE_URL,
  strategy: fromEnv("DUAL_WRITE_STRATEGY"),
  keyPrefix: KEY_PREFIX,
  schema: "check",
  // Longer for reads than in production: here all processes and both servers share one machine with their users.
  deadlines: { read: 2000, write: 5000 },
});

let fallbacks = 0;
store.on("fallback", () => fallbacks++);

// Idle connections are closed by nobody but the router, so that none closes under a request.
const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    response.destroy();
  });
});
server.listen(0, "127.0.0.1", () => {
  process.send?.({ port: (server.address() as AddressInfo).port } satisfies Listening);
});

process.once("SIGTERM", async () => {
  // Finishes what is in flight: the listener closes first, then the connections as they fall idle.
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  await closed;
  await store.close();
  process.exit(0);
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const route = routes[request.url ?? ""];
  if (!route) return send(response, 404, { error: { code: "NO_SUCH_ROUTE", message: `${request.url}` } });
  const before = fallbacks;
  try {
    const { status = 200, body } = await route(store, await readBody(request));
    if (fallbacks > before) response.setHeader(FALLBACK_HEADER, fallbacks - before);
    send(response, status, body);
  } catch (error) {
    const known = error instanceof DualWriteError ? error : undefined;
    const { message, name } = error as Error;
    const status = known === undefined || known.retryable ? 503 : 409;
    send(response, status, { error: { code: known?.code ?? name, message, operationId: known?.operationId } });
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
}

function send(response: ServerResponse, status: number, body: unknown): void {
  // Great integers come back from legacy values as bigint, which JSON has no form for.
  const text = JSON.stringify(body ?? null, (_, value) => (typeof value === "bigint" ? String(value) : value));
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
