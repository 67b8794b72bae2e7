/** Starts a real Redis (or Valkey) for tests, the demo and benchmarks. */
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "./free-port.js";
import { redisBinary, redisEnvironment } from "./redis-binary.js";
import { makeTemporaryFolder } from "./server-account.js";
import { type RunningServer, runServer, ServerStartError } from "./server-process.js";

export interface RedisOptions {
  /** @default a free one */
  port?: number;
  /** Where the append-only file lives; kept by `stop`. @default a temporary folder, removed by `stop` */
  dir?: string;
  /** Keeps every write on disk, so that a restart finds it. @default false */
  appendonly?: boolean;
  /** More of the server's arguments, such as `["--maxmemory", "10mb"]`. */
  args?: string[];
  /** Puts these in the server's environment. */
  env?: NodeJS.ProcessEnv;
}

export interface RedisServer extends RunningServer {
  readonly dir: string;
}

const PORT_ATTEMPTS = 3;
const PROBE_TIMEOUT_MS = 1000;

/** Starts a server without a password and without snapshots; answers PING when it resolves. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options, options.port ?? (await freePort()));
    } catch (error) {
      const portTaken = error instanceof ServerStartError && /already in use/i.test(error.log);
      if (!portTaken || options.port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startOnce(options: RedisOptions, port: number): Promise<RedisServer> {
  const binary = await redisBinary();
  const temporaryFolder = options.dir === undefined ? await makeTemporaryFolder("dual-write-redis-") : undefined;
  const dir = options.dir ?? (temporaryFolder as string);
  await mkdir(dir, { recursive: true });
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--save", ""];
  const server = await runServer({
    name: "Redis",
    url: `redis://127.0.0.1:${port}`,
    port,
    command: binary.command,
    args: [...settings, "--appendonly", options.appendonly ? "yes" : "no", ...(options.args ?? [])],
    env: { ...redisEnvironment(binary), ...options.env },
    cwd: dir,
    logFile: join(dir, "server.log"),
    temporaryFolder,
    stopSignal: "SIGTERM",
    abortSignal: "SIGKILL",
    isReady: () => answersPing(port),
  });
  return Object.defineProperty(server, "dir", { value: dir, enumerable: true }) as RedisServer;
}

/** False while the server loads its data; one that asks for a password or a cluster is ready as well. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write("PING\r\n"));
    socket.setTimeout(PROBE_TIMEOUT_MS, () => socket.destroy());
    socket.once("data", (answer) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(answer.toString()));
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}
