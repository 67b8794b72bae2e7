/** One ioredis connection with safe options, usable only while the server it reached has told who it is. */
import { Redis, type RedisOptions } from "ioredis";
import { ConfigurationError } from "../../errors.js";
import { type Argument, PackedCommand } from "./packed-command.js";
import { type ScriptName, scripts } from "./scripts/index.js";

/** What a caller may give: a URL, ioredis options, or a client whose options are taken over (the client itself isn't used). */
export type RedisInput = string | RedisOptions | Redis;

/** Nothing was sent: there was no usable connection at that moment. */
export class NotConnectedError extends Error {
  override readonly name = "NotConnectedError";
}

/**
 * Options that the library relies on, whatever was given.
 * - no offline queue and no resending: a command whose answer is lost must fail, not run twice (an INCR did);
 * - no retries inside the driver: deadlines and retries are the guard's;
 * - RESP2, whose replies have one shape on every server version;
 * - a silent connection is dropped, so that commands waiting on it can't pile up.
 */
const SAFE_OPTIONS: RedisOptions = {
  lazyConnect: true,
  protocol: 2,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  reconnectOnError: null,
  retryStrategy: (attempt) => Math.min(25 * attempt, 250),
  connectTimeout: 2000,
  socketTimeout: 3000,
  enableReadyCheck: true,
  maxLoadingRetryTime: 250,
  connectionName: "dual-write-store",
};

export class RedisConnection {
  readonly #client: Redis;
  /** `run_id` of the server on this connection; null while none is verified. */
  #runId: string | null = null;
  #closed = false;
  readonly #listeners = new Set<() => void>();
  #lastError: Error | null = null;

  constructor(input: RedisInput) {
    this.#client = createClient(input);
    this.#client.on("error", (error: Error) => {
      this.#lastError = error;
    });
    // Synchronously, so that nothing is sent over a later connection before its server is known.
    this.#client.on("close", () => {
      this.#runId = null;
    });
    this.#client.on("ready", () => void this.#verify());
  }

  /** Begins to connect; resolves once the first attempt has ended, whether or not it succeeded. */
  async start(): Promise<void> {
    // Of an attempt that failed, this tells only that the connection is closed; what the driver said before is the reason.
    await this.#client.connect().catch((error: Error) => {
      this.#lastError ??= error;
    });
    if (this.#client.status === "ready" && this.#runId === null) await this.#verify();
  }

  /** The server's `run_id`. @throws NotConnectedError */
  get runId(): string {
    if (this.#runId === null) {
      throw new NotConnectedError(`Redis isn't connected${this.#lastError ? ` (${this.#lastError.message})` : ""}.`);
    }
    return this.#runId;
  }

  get connected(): boolean {
    return this.#runId !== null;
  }

  /** Calls back whenever a connection has been verified. */
  onConnected(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** The client, for plain commands. @throws NotConnectedError */
  get client(): Redis {
    void this.runId;
    return this.#client;
  }

  /** Another client for the same server, which isn't connected yet and asks nothing of it by itself. */
  beside(): Redis {
    return this.#client.duplicate({ retryStrategy: () => null, enableReadyCheck: false });
  }

  /** One command with many arguments; replies are Buffers. @throws NotConnectedError */
  send(name: string, args: readonly Argument[]): Promise<unknown> {
    return this.client.sendCommand(new PackedCommand(name, args)) as Promise<unknown>;
  }

  /** Runs a script; replies are Buffers. @throws NotConnectedError */
  async script(name: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const { text, digest } = scripts[name];
    const given: Argument[] = [digest, keys.length];
    for (const key of keys) given.push(key);
    for (const arg of args) given.push(arg);
    try {
      return await this.send("evalsha", given);
    } catch (error) {
      // The server doesn't know it (any more), so nothing was done; this way it learns it.
      if (!(error as Error).message.startsWith("NOSCRIPT")) throw error;
      given[0] = text;
      return await this.send("eval", given);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.disconnect();
  }

  async #verify(): Promise<void> {
    try {
      const info = await this.#client.info("server");
      const runId = /^run_id:(\S+)/m.exec(info)?.[1];
      if (/^redis_mode:cluster/m.test(info)) {
        throw new ConfigurationError([
          {
            path: "redis",
            message: "this server runs in cluster mode, which isn't supported yet; use a single primary",
          },
        ]);
      }
      if (!runId) throw new Error("INFO server gave no run_id");
      this.#runId = runId;
      for (const listener of this.#listeners) listener();
    } catch (error) {
      this.#lastError = error as Error;
      if (!this.#closed && this.#client.status === "ready") this.#client.disconnect(true);
    }
  }
}

function createClient(input: RedisInput): Redis {
  if (typeof input === "string") return new Redis(input, SAFE_OPTIONS);
  if (isClient(input)) {
    refuse(input.options);
    return input.duplicate(SAFE_OPTIONS);
  }
  refuse(input);
  return new Redis({ ...input, ...SAFE_OPTIONS });
}

function isClient(input: RedisOptions | Redis): input is Redis {
  return typeof (input as Redis).duplicate === "function";
}

function refuse(options: RedisOptions): void {
  if (options.keyPrefix) {
    throw new ConfigurationError([
      {
        path: "redis.keyPrefix",
        message: "ioredis's own keyPrefix would hide the legacy keys; give the prefix as the store's keyPrefix option",
      },
    ]);
  }
}
