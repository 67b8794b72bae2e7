/** The backend's processes, and the router before them, which refuses no request while they are replaced. */
import { Agent, request as sendRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Listening } from "./backend.js";
import { FALLBACK_HEADER } from "./backend-routes.js";
import { type Program, startProgram } from "./program.js";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each route has a form of its own
  readonly body: any;
  /** The store that isn't the authority answered some read that was under way in the process, perhaps this one. */
  readonly fallback: boolean;
  /** Names the process that answered. */
  readonly process: string;
}

/** Nothing was sent: another process may be asked without doing anything twice. */
class NotSentError extends Error {}

interface Backend {
  readonly name: string;
  readonly program: Program;
  readonly port: number;
  readonly agent: Agent;
  inFlight: number;
}

/** Environment of the processes to start. */
export type BackendEnv = Record<string, string | undefined>;

const READY_TIMEOUT_MS = 20_000;
const DRAIN_TIMEOUT_MS = 15_000;
/** Longer than any deadline of the store's: an answer that doesn't come is one whose outcome is unknown. */
const ANSWER_TIMEOUT_MS = 15_000;

export class Fleet {
  readonly #path: string;
  readonly #size: number;
  /** In rotation, in the order in which they were put there. */
  #rotation: Backend[] = [];
  #turn = 0;
  #started = 0;
  /** Backends that ended though nobody asked them to. */
  readonly deaths: string[] = [];

  /** `path`: the backend's program. */
  constructor(path: string, size: number) {
    this.#path = path;
    this.#size = size;
  }

  async start(env: BackendEnv): Promise<void> {
    this.#rotation = await Promise.all(Array.from({ length: this.#size }, () => this.#launch(env)));
  }

  /**
   * Replaces one process after the other. The newcomer is in rotation before the one it replaces leaves it, and that one ends
   * only when what it had in flight is answered. While one leaves, the next newcomer starts up.
   */
  async roll(env: BackendEnv, report: (name: string) => void = () => {}): Promise<void> {
    const leaving = [...this.#rotation];
    let next: Promise<Backend> | undefined = this.#launch(env);
    for (const [i, old] of leaving.entries()) {
      const newcomer: Backend = await (next as Promise<Backend>);
      this.#rotation.push(newcomer);
      this.#rotation = this.#rotation.filter((backend) => backend !== old);
      next = i + 1 < leaving.length ? this.#launch(env) : undefined;
      next?.catch(() => {}); // Awaited in its turn.
      await drained(old);
      await retire(old);
      report(newcomer.name);
    }
  }

  /** Sends a request to the next process in turn. @throws Error when no answer came: whether it was carried out is unknown */
  async request(path: string, body: unknown = {}): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      const backend = this.#rotation[this.#turn++ % Math.max(1, this.#rotation.length)];
      if (!backend) throw new Error("No backend is in rotation.");
      backend.inFlight++;
      try {
        return await exchange(backend, path, body);
      } catch (error) {
        if (!(error instanceof NotSentError) || tries >= this.#size) throw error;
      } finally {
        backend.inFlight--;
      }
    }
  }

  /** The same answer from each process. */
  async requestAll(path: string, body: unknown = {}): Promise<Answer[]> {
    return Promise.all(this.#rotation.map((backend) => exchange(backend, path, body)));
  }

  /** What the processes printed last. */
  get logs(): string {
    return this.#rotation.map(({ name, program }) => `--- ${name}\n${program.log}`).join("\n");
  }

  async stop(): Promise<void> {
    await Promise.all(this.#rotation.splice(0).map(retire));
  }

  async #launch(env: BackendEnv): Promise<Backend> {
    const name = `backend ${++this.#started}`;
    const program = startProgram(this.#path, env);
    const { port } = await program.firstMessage<Listening>();
    const backend: Backend = { name, program, port, agent: new Agent({ keepAlive: true, noDelay: true }), inFlight: 0 };
    program.child.once("exit", (code, signal) => {
      if (!this.#rotation.includes(backend)) return;
      this.#rotation = this.#rotation.filter((one) => one !== backend);
      this.deaths.push(`${name} ended with ${signal ?? `code ${code}`}:\n${program.log}`);
    });
    await untilReady(backend);
    return backend;
  }
}

async function untilReady(backend: Backend): Promise<void> {
  const until = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const answer = await exchange(backend, "/readyz", {}).catch((error: Error) => ({ status: 0, body: error.message }));
    if (answer.status === 200) return;
    if (performance.now() > until) {
      throw new Error(
        `${backend.name} isn't ready after ${READY_TIMEOUT_MS} ms: ${JSON.stringify(answer.body)}\n${backend.program.log}`,
      );
    }
    await sleep(50);
  }
}

async function drained(backend: Backend): Promise<void> {
  const until = performance.now() + DRAIN_TIMEOUT_MS;
  while (backend.inFlight > 0 && performance.now() < until) await sleep(5);
  if (backend.inFlight > 0)
    throw new Error(`${backend.name} still has ${backend.inFlight} requests in flight after ${DRAIN_TIMEOUT_MS} ms.`);
}

async function retire(backend: Backend): Promise<void> {
  backend.agent.destroy();
  await backend.program.stop();
}

function exchange(backend: Backend, path: string, body: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const { agent, port } = backend;
    const request = sendRequest({ agent, port, host: "127.0.0.1", path, method: "POST", headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const status = response.statusCode as number;
        const fallback = response.headers[FALLBACK_HEADER] !== undefined;
        resolve({ status, body: JSON.parse(Buffer.concat(chunks).toString()), fallback, process: backend.name });
      });
    });
    request.setTimeout(ANSWER_TIMEOUT_MS, () =>
      request.destroy(new Error(`No answer within ${ANSWER_TIMEOUT_MS} ms.`)),
    );
    request.on("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ECONNREFUSED" ? new NotSentError(error.message, { cause: error }) : error);
    });
    request.end(text);
  });
}
