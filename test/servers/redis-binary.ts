/** Finds a Redis server: installed on the machine, else unpacked from Debian packages into the cache folder, without root. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { cached } from "./cache-folder.js";
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
    return await describeUnpacked(await cached(`debian-redis-${process.arch}-r1`, unpackDebianPackages));
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

async function unpackDebianPackages(folder: string): Promise<void> {
  const packages = join(folder, "packages");
  await mkdir(packages);
  await download(packages).catch(async () => {
    // The machine's package lists are missing, or name versions that are gone: fetch current ones, for ourselves alone.
    await download(packages, await fetchLists(join(folder, "apt")));
  });
  for (const file of await readdir(packages)) {
    if (file.endsWith(".deb")) await runCommand("dpkg", ["-x", join(packages, file), folder]);
  }
  await rm(packages, { recursive: true });
  await rm(join(folder, "apt"), { recursive: true, force: true });
  // One binary that acts by its name; the tools' package holds it, without the service.
  await symlink("redis-check-rdb", join(folder, "usr", "bin", "redis-server"));
  const binary = await describeUnpacked(folder);
  await runCommand(binary.command, ["--version"], { env: redisEnvironment(binary) });
}

async function download(folder: string, options: readonly string[] = []): Promise<void> {
  const only = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map((kind) => `--no-${kind}`);
  const depends = await runCommand("apt-cache", [...options, "depends", ...only, "redis-tools"]);
  const libraries = [...depends.matchAll(/^\s+\|?(?:Pre)?Depends: ([a-z0-9][a-z0-9.+-]*)$/gm)]
    .map((match) => match[1] as string)
    // The C library must be the machine's own: it belongs to the loader.
    .filter((name) => name !== "libc6");
  await runCommand("apt-get", [...options, "download", "redis-tools", ...libraries], { cwd: folder });
}

/** Runs `apt-get update` into a folder of our own, which needs no root. Returns the options that make apt use it. */
async function fetchLists(folder: string): Promise<string[]> {
  const lists = join(folder, "lists");
  const cache = join(folder, "cache");
  await mkdir(join(lists, "partial"), { recursive: true });
  await mkdir(join(cache, "archives", "partial"), { recursive: true });
  const settings = [`Dir::State::Lists=${lists}`, `Dir::Cache=${cache}`, "APT::Sandbox::User=root"];
  const options = settings.flatMap((setting) => ["-o", setting]);
  await runCommand("apt-get", [...options, "update"]);
  return options;
}
