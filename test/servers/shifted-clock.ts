/** Lets a server live at another time than the machine, by libfaketime: the installed one, else one unpacked into the cache folder. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { cached, exists } from "./cache-folder.js";
import { unpackDebianPackage } from "./debian-package.js";

/** The environment of a server whose clock is `seconds` ahead (behind if negative); the reason in words where there is no libfaketime. */
export async function shiftedClock(seconds: number): Promise<NodeJS.ProcessEnv | string> {
  const library = await findLibrary().catch((error: Error) => error);
  if (library instanceof Error) return `no libfaketime: ${library.message.split("\n")[0]}`;
  return {
    LD_PRELOAD: library,
    FAKETIME: `${seconds < 0 ? "" : "+"}${seconds}s`,
    // Waiting and timeouts go by the monotonic clock, which nobody sets.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
    // A server forks; its children must not look for shared memory of the parent's.
    FAKETIME_DONT_RESET: "1",
  };
}

async function findLibrary(): Promise<string> {
  const installed = await libraryUnder("/usr/lib");
  if (installed) return installed;
  const folder = await cached(`debian-faketime-${process.arch}-r1`, (building) =>
    unpackDebianPackage("libfaketime", building),
  );
  const unpacked = await libraryUnder(join(folder, "usr", "lib"));
  if (!unpacked) throw new Error("the package holds no libfaketime.so.1");
  return unpacked;
}

/** Debian keeps it in `<architecture>/faketime/`. */
async function libraryUnder(root: string): Promise<string | undefined> {
  for (const name of await readdir(root).catch(() => [])) {
    const path = join(root, name, "faketime", "libfaketime.so.1");
    if (await exists(path)) return path;
  }
  return undefined;
}
