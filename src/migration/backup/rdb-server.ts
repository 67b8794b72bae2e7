/** Reads an RDB by the only program that knows every version of it: a Redis server, started on it for a while, reachable by nobody else. */
import { execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { BackupError } from "../../errors.js";

const PROGRAMS = ["redis-server", "valkey-server"];
const RDB = "dump.rdb";
const SOCKET = "socket";
/** Characters of what the server said last. */
const SAID = 1000;

/** The server on the PATH; null: there is none. */
export async function redisServerProgram(): Promise<string | null> {
  for (const program of PROGRAMS) {
    const found = await promisify(execFile)(program, ["--version"]).then(
      () => true,
      () => false,
    );
    if (found) return program;
  }
  return null;
}

export interface RdbServer {
  /** Connected, to the database asked for. */
  readonly client: Redis;
  /** Keys that the server left out as expired, in all databases; null: it doesn't tell. */
  readonly expired: number | null;
}

/**
 * Takes as much memory as the data, and for its start the RDB's size in the folder for temporary files. It ends with this process,
 * however that ends.
 * @throws BackupError if the server can't load the RDB, whose checksum it looks at
 */
export async function withRdbServer<T>(
  program: string,
  rdb: AsyncIterable<Buffer>,
  { database, signal }: { readonly database: number; readonly signal: AbortSignal | undefined },
  work: (server: RdbServer) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "dual-write-rdb-"));
  try {
    await pipeline(Readable.from(rdb), createWriteStream(join(folder, RDB), { mode: 0o600 }), signal ? { signal } : {});
    const server = start(program, folder);
    const client = new Redis({ path: join(folder, SOCKET), db: database, retryStrategy: () => 50 });
    // Until it listens it can't be reached; if it never does, it ends.
    client.on("error", () => {});
    try {
      await Promise.race([ready(client, signal), server.ended]);
      await unlink(join(folder, RDB));
      const expired = /^rdb_last_load_keys_expired:(\d+)/m.exec(await client.info("persistence"))?.[1];
      const done = work({ client, expired: expired === undefined ? null : Number(expired) });
      return await Promise.race([done, server.ended]);
    } finally {
      client.disconnect();
      await server.stop();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    const message = `The disk is full: ${folder} can't hold the unpacked RDB. Free space, or set TMPDIR to another folder.`;
    throw new BackupError(message, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function ready(client: Redis, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once("ready", resolve);
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    if (signal?.aborted) reject(signal.reason as Error);
  });
}

/** The server, and beside it one who waits for this process's end, also a violent one, and then ends it. */
const SCRIPT = 'exec 3<&0; { read -r _ <&3; kill -9 $$; } >/dev/null 2>&1 & exec "$0" "$@" 3<&- </dev/null';

function start(program: string, folder: string): { ended: Promise<never>; stop(): Promise<void> } {
  const settings = {
    port: "0",
    unixsocket: join(folder, SOCKET),
    unixsocketperm: "700",
    dir: folder,
    dbfilename: RDB,
    appendonly: "no",
    save: "",
    rdbchecksum: "yes",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn("sh", ["-c", SCRIPT, program, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-SAID);
    });
  child.stdin.on("error", () => {}); // It may have ended.
  const exit = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(String(code ?? signal)));
  });
  const ended = exit.then((how): never => {
    const lines = said.trim().split("\n").slice(-6).join("\n");
    throw new BackupError(`${program} couldn't load the RDB, or ended (${how}). It said last:\n${lines}`);
  });
  ended.catch(() => {}); // Met where it is raced.
  return {
    ended,
    stop: async () => {
      child.kill("SIGKILL");
      await exit;
      child.stdin.end();
    },
  };
}
