/** A small backend that embeds the store: counts uses, answers who has access, takes sign-ups. One process of a fleet. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type DualWriteError,
  DualWriteStore,
  fromEnv,
  fromFile,
  type HttpHandler,
  livenessHandler,
  readinessHandler,
} from "dual-write-store";

const { REDIS_URL, REDIS_PASSWORD, DATABASE_URL, DUAL_WRITE_STRATEGY_FILE, PORT = "8080" } = process.env;

const store = await DualWriteStore.open({
  redis: REDIS_URL && withPassword(REDIS_URL),
  postgres: DATABASE_URL,
  // A file is followed while the process runs; a variable is fixed at its start.
  strategy: DUAL_WRITE_STRATEGY_FILE ? fromFile(DUAL_WRITE_STRATEGY_FILE) : fromEnv(),
});

// biome-ignore lint/suspicious/noExplicitAny: bodies are checked by the store's own calls
const routes: Readonly<Record<string, (body: any) => Promise<unknown>>> = {
  "POST /access": (person) => store.subscriptions.checkAccess(person, { onError: "deny" }),
  "POST /uses": async ({ operationId, ...subject }) => {
    await store.usage.track(subject, { operationId });
    return store.usage.stats(subject);
  },
  "POST /sign-ups": (user) => store.users.create(user),
};

const probes: Readonly<Record<string, HttpHandler>> = {
  "/healthz": livenessHandler(store),
  "/readyz": readinessHandler(store),
};

const server = createServer(async (request, response) => {
  const probe = probes[request.url ?? ""];
  if (probe) return probe(request, response);
  const answer = await run(request);
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(JSON.stringify(answer.body));
});
server.listen(Number(PORT), () => console.log(`listening on ${(server.address() as AddressInfo).port}`));

process.once("SIGTERM", () => {
  server.close(async () => {
    await store.close();
    process.exit(0);
  });
  server.closeIdleConnections();
});

async function run(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
  const name = `${request.method} ${request.url}`;
  const route = routes[name];
  if (!route) return { status: 404, body: { error: `There is no ${name}.` } };
  try {
    return { status: 200, body: await route(await readJson(request)) };
  } catch (error) {
    const { message, retryable, operationId } = error as DualWriteError;
    return { status: retryable ? 503 : 400, body: { error: message, operationId } };
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function withPassword(text: string): string {
  const url = new URL(text);
  if (REDIS_PASSWORD) url.password = encodeURIComponent(REDIS_PASSWORD);
  return url.href;
}
