/** The ways by which a backup reads the stores, and what it says when they fail. */
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BackupError } from "../../../src/errors.js";
import { writeBackupFile } from "../../../src/migration/backup/backup-file.js";
import { linesOf } from "../../../src/migration/backup/lines.js";
import { Migration } from "../../../src/migration/migration.js";
import { useBackups } from "./backup-fixture.js";

const fixture = useBackups();

describe("Redis gives its RDB", () => {
  test.each(["yes", "no"])("by the replication protocol, without a disk of its own: %s", async (diskless) => {
    const { from, folder } = fixture();
    await from.redis.config("SET", "repl-diskless-sync", diskless);
    const writing = from.redis.pipeline();
    for (let n = 0; n < 2000; n++) writing.set(`key:${n}`, Math.random().toString(36).repeat(20));
    await writing.exec();
    const { manifest, folder: backup } = await from.migration.backup({ folder, postgresBy: "copy" });
    expect(manifest.redis).toMatchObject({ keys: 2000, rdbRefused: null });
    const rdb = gunzipSync(await readFile(join(backup, "redis.rdb.gz")));
    expect(rdb.subarray(0, 5).toString()).toBe("REDIS");
    expect(rdb.at(-9)).toBe(0xff);
    expect(rdb.includes("key:1999")).toBe(true);
    // The server goes on as if nothing had been.
    expect(await from.redis.ping()).toBe("PONG");
    expect(await from.redis.info("replication")).toMatch(/connected_slaves:0/);
  });

  test("or refuses: then the portable file is enough, and it says so", async () => {
    const { from, folder } = fixture();
    await from.redis.acl("SETUSER", "keeper", "on", ">word", "~*", "+@all", "-sync", "-psync");
    await from.redis.set("a", "1");
    const url = new URL(from.urls.redis);
    [url.username, url.password] = ["keeper", "word"];
    const migration = await Migration.open({ redis: url.href, postgres: from.urls.postgres });
    try {
      const { manifest, folder: backup } = await migration.backup({ folder, postgresBy: "copy" });
      expect(manifest.redis).toMatchObject({ keys: 1, rdbRefused: expect.stringMatching(/NOPERM.*sync/) });
      expect(await readdir(backup)).not.toContain("redis.rdb.gz");
    } finally {
      await migration.close();
    }
  });
});

describe("pg_dump", () => {
  let bin: string;
  const path = process.env.PATH;

  beforeEach(async () => {
    bin = await mkdtemp(join(tmpdir(), "dual-write-bin-"));
    process.env.PATH = `${bin}${delimiter}${path}`;
  });

  afterEach(async () => {
    process.env.PATH = path;
    await rm(bin, { recursive: true, force: true });
  });

  async function install(program: string, version: string, body: string): Promise<void> {
    const file = join(bin, program);
    await writeFile(
      file,
      `#!/bin/sh\nif [ "$1" = --version ]; then echo "${program} (PostgreSQL) ${version} (Debian)"; exit; fi\n${body}\n`,
    );
    await chmod(file, 0o755);
  }

  async function withPassword<T>(work: (migration: Migration) => Promise<T>): Promise<T> {
    const url = new URL(fixture().from.urls.postgres);
    url.password = "s3cret word";
    const migration = await Migration.open({ postgres: url.href });
    return work(migration).finally(() => migration.close());
  }

  test("is used where it is new enough, with the password in its environment alone", async () => {
    await install(
      "pg_dump",
      "99.1",
      'echo "-- $PGPASSWORD@$PGHOST:$PGPORT/$PGDATABASE $*"; echo "-- PostgreSQL database dump complete"',
    );
    const { folder, from } = fixture();
    const { manifest, folder: backup } = await withPassword((migration) => migration.backup({ folder }));
    expect(manifest.postgres).toMatchObject({ by: "pg_dump", tables: [] });
    const [said] = gunzipSync(await readFile(join(backup, "postgres.sql.gz")))
      .toString()
      .split("\n");
    const { hostname, port, pathname } = new URL(from.urls.postgres);
    expect(said).toContain(`-- s3cret word@${hostname}:${port}${pathname} --no-password`);
    expect(said?.match(/s3cret/g)).toHaveLength(1);
    expect(await readFile(join(backup, "manifest.json"), "utf8")).not.toContain("s3cret");
  });

  test("too old for the server gives way to the library's own export, or is refused where it was asked for", async () => {
    await install("pg_dump", "9.6.24", "exit 1");
    const { folder } = fixture();
    const { manifest } = await withPassword((migration) => migration.backup({ folder }));
    expect(manifest.postgres.by).toBe("copy");
    await expect(
      withPassword((migration) => migration.backup({ folder, label: "b", postgresBy: "pg_dump" })),
    ).rejects.toThrow(/pg_dump 9 can't dump a server of version/);
  });

  test.each([
    ["fails", "echo partial; echo 'no such role' >&2; exit 3", /pg_dump failed \(3\): no such role/],
    ["is cut short and still ends with 0", "echo partial", /doesn't come to its end/],
  ])("that %s leaves no backup", async (_, body, message) => {
    await install("pg_dump", "99.1", body);
    const { folder } = fixture();
    await expect(withPassword((migration) => migration.backup({ folder }))).rejects.toThrow(message);
    expect(await readdir(folder)).toEqual([]);
  });

  test("is read back by psql, whose failure is told", async () => {
    await install("pg_dump", "99.1", 'echo "SELECT 1;"; echo "-- PostgreSQL database dump complete"');
    const { folder } = fixture();
    const { folder: backup } = await withPassword((migration) => migration.backup({ folder }));
    await install("psql", "99.1", `cat > ${bin}/script; echo "$*" > ${bin}/arguments`);
    const report = await withPassword((migration) => migration.restore({ backup }));
    expect(report).toMatchObject({ done: true, postgres: { rows: null } });
    expect(await readFile(join(bin, "script"), "utf8")).toMatch(/^SELECT 1;\n/);
    expect(await readFile(join(bin, "arguments"), "utf8")).toMatch(/--single-transaction.*ON_ERROR_STOP=1/);
    await install("psql", "99.1", "echo 'role \"app\" does not exist' >&2; exit 3");
    await expect(withPassword((migration) => migration.restore({ backup }))).rejects.toThrow(
      /psql failed \(3\): role "app"/,
    );
  });
});

describe("the library's own export", () => {
  test("brings sequences to where they were, and a new one stays new", async () => {
    const { from, to, folder } = fixture();
    for (const { sql } of [from, to]) await sql.unsafe("CREATE TABLE t (n serial, m serial); CREATE SEQUENCE unused");
    await from.sql.unsafe("INSERT INTO t (m) VALUES (7), (8)");
    const { folder: backup } = await from.migration.backup({ folder, postgresBy: "copy" });
    await to.migration.restore({ backup, only: "postgres" });
    await to.sql.unsafe("INSERT INTO t DEFAULT VALUES");
    expect(await to.sql.unsafe("SELECT n, m FROM t ORDER BY n DESC LIMIT 1")).toMatchObject([{ n: 3, m: 1 }]);
    expect(await to.sql.unsafe("SELECT nextval('unused') AS next")).toMatchObject([{ next: "1" }]);
  });

  test("fails where it may not read a sequence, which a catalog would hide", async () => {
    const { from, folder } = fixture();
    const role = `reader_${randomBytes(4).toString("hex")}`;
    await from.sql.unsafe(`CREATE TABLE t (n serial); INSERT INTO t DEFAULT VALUES;
      CREATE ROLE ${role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
    const url = new URL(from.urls.postgres);
    url.username = role;
    const migration = await Migration.open({ postgres: url.href });
    try {
      await expect(migration.backup({ folder, postgresBy: "copy" })).rejects.toThrow(/permission denied.*t_n_seq/);
      expect(await readdir(folder)).toEqual([]);
    } finally {
      await migration.close();
      await from.sql.unsafe(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});

describe("a file that can't be written", () => {
  async function* content(chunks: number) {
    for (let n = 0; n < chunks; n++) yield Buffer.from(Math.random().toString(36).repeat(5000));
  }

  test("for want of room says so", async () => {
    const full = writeBackupFile("/dev/full", "postgres", content(50));
    await expect(full).rejects.toThrow(BackupError);
    await expect(full).rejects.toThrow(/disk is full: \/dev\/full.*Free space/);
  });

  test("since nothing comes any more is given up", async () => {
    const { folder } = fixture();
    async function* silent() {
      yield "beginning";
      await new Promise(() => {});
    }
    await expect(writeBackupFile(join(folder, "a.gz"), "postgres", silent(), { stallMs: 30 })).rejects.toThrow(
      /Nothing came for a\.gz/,
    );
  });

  test("doesn't follow the reader's pace into memory", async () => {
    const { folder } = fixture();
    let written = 0;
    async function* large() {
      for (; written < 400; written++) yield Buffer.alloc(1 << 18, written);
    }
    const before = process.memoryUsage().rss;
    const file = await writeBackupFile(join(folder, "large.gz"), "postgres", large());
    expect(file.contentBytes).toBe(400 * (1 << 18));
    expect(process.memoryUsage().rss - before).toBeLessThan(60 << 20);
    expect((await stat(join(folder, "large.gz"))).size).toBe(file.bytes);
  });
});

test("lines end at newlines only, wherever the chunks were cut", async () => {
  const text = "a\u2028b\r\n\nééé\u2029\nlast";
  const bytes = Buffer.from(text);
  for (let size = 1; size < bytes.length; size++) {
    async function* cut() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    const lines: string[] = [];
    for await (const line of linesOf(cut())) lines.push(line.toString());
    expect(lines).toEqual(text.split("\n"));
  }
});
