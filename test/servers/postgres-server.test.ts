/** What the Postgres launcher promises to the tests that build on it. */
import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import postgres from "postgres";
import { afterEach, describe, expect, it, vi } from "vitest";
import { waitFor } from "../support/wait-for.js";
import { childProcesses, isAlive } from "./child-processes.js";
import { type PostgresOptions, type PostgresServer, startPostgres } from "./postgres-server.js";
import { makeTemporaryFolder, serverAccount } from "./server-account.js";

const servers: PostgresServer[] = [];
const clients: postgres.Sql[] = [];

async function start(options?: PostgresOptions): Promise<PostgresServer> {
  const server = await startPostgres(options);
  servers.push(server);
  return server;
}

function clientOf(server: PostgresServer): postgres.Sql {
  const sql = postgres(server.url, { max: 1, connect_timeout: 5, onnotice: () => {} });
  clients.push(sql);
  return sql;
}

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(clients.splice(0).map((sql) => sql.end({ timeout: 0 })));
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

describe("startPostgres", () => {
  it("keeps what was committed through kill -9 and restart, on the same port", async () => {
    const server = await start();
    const before = clientOf(server);
    await before`CREATE TABLE kept (id int PRIMARY KEY)`;
    await before`INSERT INTO kept VALUES (1), (2)`;
    const { pid, port } = server;
    await server.kill("SIGKILL");
    expect(await isAlive(pid)).toBe(false);
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await clientOf(server)`SELECT id FROM kept ORDER BY id`).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it("leaves none of the server's processes alive after kill -9, not even one that runs a query", async () => {
    const server = await start();
    const asleep = clientOf(server)`SELECT pg_sleep(600)`.catch((error: unknown) => error);
    const watcher = clientOf(server);
    await waitFor(
      async () => (await watcher`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`).length === 1,
    );
    const forked = await childProcesses(server.pid);
    expect(forked.length).toBeGreaterThan(3);
    await server.kill();
    expect(await Promise.all(forked.map(isAlive))).not.toContain(true);
    expect(await asleep).toBeInstanceOf(Error);
  });

  it("freezes the sessions too on SIGSTOP, and lets them go on after SIGCONT", async () => {
    const server = await start();
    const sql = clientOf(server);
    await sql`SELECT 1`;
    await server.kill("SIGSTOP");
    let answered = false;
    const answer = sql`SELECT 2 AS value`.then((rows) => {
      answered = true;
      return rows;
    });
    // Given time to answer: that it doesn't is the claim.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answered).toBe(false);
    await server.kill("SIGCONT");
    expect(await answer).toEqual([{ value: 2 }]);
  });

  it.each(["running", "killed", "frozen"])("leaves no process and no folder when stopped while %s", async (state) => {
    const server = await start();
    const all = [server.pid, ...(await childProcesses(server.pid))];
    if (state === "killed") await server.kill("SIGKILL");
    if (state === "frozen") await server.kill("SIGSTOP");
    await server.stop();
    expect(await Promise.all(all.map(isAlive))).not.toContain(true);
    await expect(access(join(server.dataDir, ".."))).rejects.toThrow("ENOENT");
  });

  it("stops though clients are connected", async () => {
    const server = await start();
    const sql = clientOf(server);
    await sql`SELECT 1`;
    await server.stop();
    expect(await isAlive(server.pid)).toBe(false);
  });

  it("keeps a given data folder, starts on it again, and empties it only when asked", async () => {
    const folder = await makeTemporaryFolder("dual-write-test-", await serverAccount());
    try {
      const dataDir = join(folder, "data");
      const first = await start({ dataDir });
      await clientOf(first)`CREATE TABLE kept (id int)`;
      await first.stop();
      const second = await start({ dataDir });
      expect(await clientOf(second)`SELECT count(*)::int AS n FROM kept`).toEqual([{ n: 0 }]);
      await second.stop();
      const third = await start({ dataDir, fresh: true });
      await expect(clientOf(third)`SELECT 1 FROM kept`).rejects.toMatchObject({ code: "42P01" });
      await third.stop();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("passes settings to the server", async () => {
    const server = await start({ config: { fsync: "off", max_connections: "17" } });
    const sql = clientOf(server);
    expect(await sql`SELECT current_setting('fsync') AS fsync, current_setting('max_connections') AS most`).toEqual([
      { fsync: "off", most: "17" },
    ]);
  });

  it("says why a server with a wrong setting did not start, and leaves nothing", async () => {
    await expect(startPostgres({ config: { shared_buffers: "nonsense" } })).rejects.toThrow(/shared_buffers/);
  });

  it("refuses a port that is taken", async () => {
    const server = await start();
    await expect(startPostgres({ port: server.port })).rejects.toThrow(/already in use/);
  });

  it("runs the embedded server when told to", async () => {
    vi.stubEnv("DUAL_WRITE_TEST_SERVERS", "embedded");
    const server = await start();
    expect(server.version).toMatch(/^18\.\d+-embedded$/);
    const rows = await clientOf(server)`SELECT current_setting('server_version') AS version`;
    expect(rows[0]?.version).toMatch(/^18\./);
  });
});
