/** A backup's RDB, brought back by a Redis server that is started for it. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BackupManifest } from "../../../src/migration/backup/manifest.js";
import { redisBinary, redisEnvironment } from "../../servers/redis-binary.js";
import { waitFor } from "../../support/wait-for.js";
import { contentOf, useBackups } from "./backup-fixture.js";

const fixture = useBackups();
const { PATH, TMPDIR } = process.env;
let bin: string;
let temporary: string;

/** A `redis-server` on the PATH, which may come unpacked, with libraries of its own. */
beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), "dual-write-bin-"));
  temporary = await mkdtemp(join(tmpdir(), "dual-write-tmp-"));
  const binary = await redisBinary();
  const libraries = redisEnvironment(binary).LD_LIBRARY_PATH ?? "";
  const file = join(bin, "redis-server");
  await writeFile(file, `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' exec '${binary.command}' "$@"\n`);
  await chmod(file, 0o755);
  process.env.PATH = `${bin}${delimiter}${PATH}`;
  process.env.TMPDIR = temporary;
});

afterEach(async () => {
  process.env.PATH = PATH;
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  await rm(bin, { recursive: true, force: true });
  await rm(temporary, { recursive: true, force: true });
});

async function backUp(): Promise<string> {
  const { from, folder } = fixture();
  return (await from.migration.backup({ folder, postgresBy: "copy" })).folder;
}

/** Servers that were started on the temporary folder of this test. */
const running = () =>
  execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(temporary) && line.includes("redis-server"));

test("has every type, binary keys and expiries byte for byte, of the database that was backed up alone", async () => {
  const { from, to } = fixture();
  const binary = Buffer.from([0, 255, 13, 10, 34]);
  await from.redis.set(binary, binary, "EX", 1000);
  await from.redis.set("large", "x".repeat(3_000_000));
  await from.redis.hset("hash", { a: "1" });
  await from.redis.zadd("sorted", 1.5, "m");
  await from.redis.xadd("stream", "*", "a", "1");
  await from.redis.rpush("list", "a", "b");
  for (let n = 0; n < 1500; n++) await from.redis.set(`key:${n}`, n);
  await from.redis.set("gone", 1, "PX", 1);
  await from.redis.select(5);
  await from.redis.set("elsewhere", "1");
  await from.redis.select(0);
  const backup = await backUp();
  const steps: string[] = [];
  const report = await to.migration.restore({
    backup,
    only: "redis",
    redisBy: "rdb",
    onPlan: (told) => steps.push(...told),
  });
  expect(report.redis?.keys).toBe(1506);
  expect(steps.join("\n")).toMatch(/start a redis-server .*database 0/);
  expect(await contentOf(to.redis)).toEqual(await contentOf(from.redis));
  expect(running()).toEqual([]);
  expect(await readdir(temporary)).toEqual([]);
  await from.redis.select(5);
  await from.redis.flushdb();
});

describe("is refused, and nothing was written,", () => {
  async function expectRefused(backup: string, message: RegExp): Promise<void> {
    const { to } = fixture();
    await to.redis.set("stands", "1");
    await expect(to.migration.restore({ backup, only: "redis", redisBy: "rdb", force: true })).rejects.toThrow(message);
    expect(await to.redis.get("stands")).toBe("1");
    expect(running()).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  }

  test("where the RDB's own checksum doesn't hold, though the backup's does: by what the server said", async () => {
    await fixture().from.redis.set("a", "1");
    const backup = await backUp();
    const rdb = gunzipSync(await readFile(join(backup, "redis.rdb.gz")));
    rdb.writeUInt8((rdb.at(-3) as number) ^ 1, rdb.length - 3);
    await replaceRdb(backup, gzipSync(rdb), rdb.length);
    await expectRefused(backup, /redis-server couldn't load the RDB.*(CRC|checksum)/is);
  });

  test("where the file isn't what the backup's checksum says", async () => {
    const backup = await backUp();
    const path = join(backup, "redis.rdb.gz");
    const bytes = await readFile(path);
    bytes.writeUInt8((bytes.at(20) as number) ^ 1, 20);
    await writeFile(path, bytes);
    await expectRefused(backup, /isn't what its checksum says/);
  });

  test("where no server is at hand: by what to do by hand", async () => {
    const backup = await backUp();
    // As if none were installed.
    await writeFile(join(bin, "redis-server"), "#!/bin/sh\nexit 127\n");
    await writeFile(join(bin, "valkey-server"), "#!/bin/sh\nexit 127\n");
    await chmod(join(bin, "valkey-server"), 0o755);
    await expectRefused(backup, /No redis-server is on the PATH.*gunzip -c '.*redis\.rdb\.gz'.*appendonly no/s);
  });

  test("where the backup holds no RDB: by why", async () => {
    const backup = await backUp();
    await change(backup, (manifest) => ({
      ...manifest,
      redis: { ...(manifest.redis as NonNullable<BackupManifest["redis"]>), rdbRefused: "NOPERM" },
      files: manifest.files.filter(({ holds }) => holds !== "redis-rdb"),
    }));
    await expectRefused(backup, /holds no RDB \(the server refused to give one: NOPERM\).*portable/);
  });
});

test("stopped half-way leaves no server behind, and goes on when it is run again", async () => {
  const { from, to } = fixture();
  for (let n = 0; n < 2000; n++) await from.redis.set(`key:${n}`, n);
  const backup = await backUp();
  const stop = new AbortController();
  const stopped = to.migration.restore({
    backup,
    only: "redis",
    redisBy: "rdb",
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  await expect(stopped).rejects.toThrow(/Stopped while Redis was restored.*Run the same again/);
  await waitFor(async () => running().length === 0, { what: "the server's end" });
  const again = await to.migration.restore({ backup, only: "redis", redisBy: "rdb" });
  expect(again.redis?.keys).toBe(2000);
  expect(await contentOf(to.redis)).toEqual(await contentOf(from.redis));
});

async function replaceRdb(backup: string, bytes: Buffer, contentBytes: number): Promise<void> {
  await writeFile(join(backup, "redis.rdb.gz"), bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await change(backup, (manifest) => ({
    ...manifest,
    files: manifest.files.map((file) =>
      file.holds === "redis-rdb" ? { ...file, sha256, contentBytes, bytes: bytes.length } : file,
    ),
  }));
}

async function change(backup: string, edit: (manifest: BackupManifest) => BackupManifest): Promise<void> {
  const path = join(backup, "manifest.json");
  await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, "utf8")) as BackupManifest)));
}
