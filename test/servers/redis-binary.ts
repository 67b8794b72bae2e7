/** Finds a Redis server: installed on the machine, else unpacked from Debian packages into the cache folder, without root. */
import { existsSync } from "node:fs";
import { readdir, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { cached } from "./cache-folder.js";
import { unpackDebianPackage } from "./debian-package.js";
import { runCommand } from "./run-command.js";

export interface RedisBinary {
  command: string;
  /** Where the unpacked server finds its libraries. */
  libraries: string[];
}

const NAMES = ["redis-server", "valkey-server"];
let found: Promise<RedisBinary> | undefined;

export function redisBinary(): Promise<RedisBinary> {
  found ??= findBinary();
  return found;
}

export function redisEnvironment(binary: RedisBinary): NodeJS.ProcessEnv {
  if (binary.libraries.length === 0) return process.env;
  const before = process.env.LD_LIBRARY_PATH;
  const path = before ? [...binary.libraries, before] : binary.libraries;
  return { ...process.env, LD_LIBRARY_PATH: path.join(delimiter) };
}

async function findBinary(): Promise<RedisBinary> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) {
      if (folder !== "" && existsSync(join(folder, name))) return { command: join(folder, name), libraries: [] };
    }
  }
  try {
    return await describeUnpacked(await cached(`debian-redis-${process.arch}-r1`, unpackRedis));
  } catch (cause) {
    throw new Error(
      "No Redis server on the PATH, and none could be unpacked from Debian packages: " +
        "install redis-server or valkey-server (Debian: apt-get install redis-server; macOS: brew install redis).",
      { cause },
    );
  }
}

async function describeUnpacked(folder: string): Promise<RedisBinary> {
  const root = join(folder, "usr", "lib");
  const libraries = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  return {
    command: join(folder, "usr", "bin", "redis-server"),
    libraries: libraries.map((entry) => join(root, entry.name)),
  };
}

async function unpackRedis(folder: string): Promise<void> {
  await unpackDebianPackage("redis-tools", folder);
  // One binary that acts by its name; the tools' package holds it, without the service.
  await symlink("redis-check-rdb", join(folder, "usr", "bin", "redis-server"));
  const binary = await describeUnpacked(folder);
  await runCommand(binary.command, ["--version"], { env: redisEnvironment(binary) });
}
