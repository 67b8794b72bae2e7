/** Starts a real Postgres for tests, the demo and benchmarks. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, exists } from "./cache-folder.js";
import { freePort } from "./free-port.js";
import { type PostgresBinaries, postgresBinaries } from "./postgres-binaries.js";
import { runCommand } from "./run-command.js";
import { giveTo, makeTemporaryFolder, type ServerAccount, serverAccount } from "./server-account.js";
import { type RunningServer, runServer, ServerStartError } from "./server-process.js";

export interface PostgresOptions {
  /** @default a free one */
  port?: number;
  /** Where the cluster lives; kept by `stop`. @default a temporary folder, removed by `stop` */
  dataDir?: string;
  /** Empties `dataDir` first. @default false */
  fresh?: boolean;
  /**
   * The primary that this server follows as a read-only standby, by its URL, until `pg_promote()`. Both must be new: they begin
   * as the same cluster. @default none
   */
  standbyOf?: string;
  /** Puts these in the server's environment. */
  env?: NodeJS.ProcessEnv;
  /** Server settings over the defaults below, such as `{ fsync: "off" }`. */
  config?: Record<string, string>;
}

export interface PostgresServer extends RunningServer {
  readonly dataDir: string;
  /** Such as "18.4-embedded". */
  readonly version: string;
}

const DEFAULT_CONFIG = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  shared_buffers: "64MB",
  max_connections: "200",
  fsync: "on",
  timezone: "UTC",
  log_timezone: "UTC",
  // In the data folder, so that a killed server leaves nothing in shared memory.
  dynamic_shared_memory_type: "mmap",
} as const satisfies Record<string, string>;

/** Raised when the way clusters are initialised changes, so that older templates aren't used. */
const TEMPLATE_REVISION = 1;
const PORT_ATTEMPTS = 3;

/** Starts a server with superuser `postgres`, no password, UTF-8 and the C collation; ready for connections when it resolves. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options, options.port ?? (await freePort()));
    } catch (error) {
      const portTaken = error instanceof ServerStartError && /already in use/i.test(error.log);
      if (!portTaken || options.port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startOnce(options: PostgresOptions, port: number): Promise<PostgresServer> {
  const [binaries, account] = await Promise.all([postgresBinaries(), serverAccount()]);
  const temporaryFolder =
    options.dataDir === undefined ? await makeTemporaryFolder("dual-write-postgres-", account) : undefined;
  const dataDir = options.dataDir ?? join(temporaryFolder as string, "data");
  try {
    await prepareCluster(dataDir, options.fresh ?? false, binaries, account);
    if (options.standbyOf !== undefined) await writeFile(join(dataDir, "standby.signal"), "");
  } catch (error) {
    if (temporaryFolder !== undefined) await rm(temporaryFolder, { recursive: true, force: true });
    throw error;
  }
  const following = options.standbyOf === undefined ? {} : { primary_conninfo: options.standbyOf };
  const config = { ...DEFAULT_CONFIG, ...following, ...options.config, port: String(port) };
  const server = await runServer({
    name: "Postgres",
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    command: binaries.postgres,
    args: ["-D", dataDir, ...Object.entries(config).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    env: { ...serverEnvironment(), ...options.env },
    ...account,
    cwd: dataDir,
    logFile: join(dataDir, "server.log"),
    temporaryFolder,
    stopSignal: "SIGINT",
    abortSignal: "SIGQUIT",
    isReady: (pid) => isReady(dataDir, pid),
    afterKill: () => removeSharedMemory(dataDir),
  });
  return Object.defineProperties(server, {
    dataDir: { value: dataDir, enumerable: true },
    version: { value: binaries.label, enumerable: true },
  }) as PostgresServer;
}

async function prepareCluster(
  dataDir: string,
  fresh: boolean,
  binaries: PostgresBinaries,
  account: ServerAccount,
): Promise<void> {
  if (fresh) await rm(dataDir, { recursive: true, force: true });
  const isNew = !(await exists(join(dataDir, "PG_VERSION")));
  await giveTo(account, dataDir);
  if (!isNew) return;
  const template = await clusterTemplate(binaries, account);
  await runCommand("cp", ["-R", `${template}/.`, dataDir], { ...account, cwd: "/" });
}

/** An initialised cluster to copy: twenty times faster than initdb. */
async function clusterTemplate(binaries: PostgresBinaries, account: ServerAccount): Promise<string> {
  const owner = account.uid ?? process.getuid?.() ?? 0;
  const name = `cluster-${binaries.label}-r${TEMPLATE_REVISION}-u${owner}`;
  const folder = await cached(name, async (building) => {
    const data = join(building, "data");
    await giveTo(account, data);
    const args = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
    await runCommand(binaries.initdb, args, { ...account, cwd: "/", env: serverEnvironment() });
  });
  return join(folder, "data");
}

function serverEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(own), LC_ALL: "C" };
}

/** Reads the file that pg_ctl waits on as well: the first line is the process, the eighth its state. */
async function isReady(dataDir: string, pid: number): Promise<boolean> {
  const lines = await readLockFile(dataDir);
  return Number(lines[0]) === pid && ["ready", "standby"].includes(lines[7]?.trim() ?? "");
}

/** A killed postmaster leaves its lock file, and the shared memory segment whose id is the last word of line 7. */
async function removeSharedMemory(dataDir: string): Promise<void> {
  const id = (await readLockFile(dataDir))[6]?.trim().split(/\s+/)[1];
  if (id !== undefined && id !== "0") await runCommand("ipcrm", ["-m", id]).catch(() => {});
}

async function readLockFile(dataDir: string): Promise<string[]> {
  const text = await readFile(join(dataDir, "postmaster.pid"), "utf8").catch(() => "");
  return text.split("\n");
}
