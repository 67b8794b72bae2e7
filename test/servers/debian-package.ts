/** Unpacks a Debian package with what it depends on into a folder: no root, no service, nothing installed. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./run-command.js";

export async function unpackDebianPackage(name: string, folder: string): Promise<void> {
  const packages = join(folder, "packages");
  await mkdir(packages);
  await download(name, packages).catch(async () => {
    // The machine's package lists are missing, or name versions that are gone: fetch current ones, for ourselves alone.
    await download(name, packages, await fetchLists(join(folder, "apt")));
  });
  for (const file of await readdir(packages)) {
    if (file.endsWith(".deb")) await runCommand("dpkg", ["-x", join(packages, file), folder]);
  }
  await rm(packages, { recursive: true });
  await rm(join(folder, "apt"), { recursive: true, force: true });
}

async function download(name: string, folder: string, options: readonly string[] = []): Promise<void> {
  const only = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map((kind) => `--no-${kind}`);
  const depends = await runCommand("apt-cache", [...options, "depends", ...only, name]);
  const libraries = [...depends.matchAll(/^\s+\|?(?:Pre)?Depends: ([a-z0-9][a-z0-9.+-]*)$/gm)]
    .map((match) => match[1] as string)
    // The C library must be the machine's own: it belongs to the loader.
    .filter((library) => library !== "libc6");
  await runCommand("apt-get", [...options, "download", name, ...libraries], { cwd: folder });
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
