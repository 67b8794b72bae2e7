/** A file system of a few megabytes, which a test can fill. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./run-command.js";
import { makeTemporaryFolder, serverAccount } from "./server-account.js";

export interface SmallDisk {
  readonly folder: string;
  /** Takes what room is left. */
  fill(): Promise<void>;
  /** Gives it back. */
  free(): Promise<void>;
  /** Unmounts it; nothing may use it any more. */
  remove(): Promise<void>;
}

/** Mounts a tmpfs of `megabytes` for the servers' account; the reason in words where this machine doesn't let us. */
export async function smallDisk(megabytes: number): Promise<SmallDisk | string> {
  const account = await serverAccount();
  const folder = await makeTemporaryFolder("dual-write-disk-", account);
  const owner = account.uid === undefined ? [] : [`uid=${account.uid}`, `gid=${account.gid}`, "mode=700"];
  try {
    await runCommand("mount", ["-t", "tmpfs", "-o", [`size=${megabytes}m`, ...owner].join(","), "tmpfs", folder]);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    return `this machine can't mount a tmpfs: ${(error as Error).message.split("\n")[0]}`;
  }
  const filler = join(folder, "filler");
  return {
    folder,
    fill: () => fill(filler),
    free: () => rm(filler, { force: true }),
    remove: async () => {
      await runCommand("umount", [folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Pieces that shrink as the room does, down to one block. */
async function fill(file: string): Promise<void> {
  for (let piece = 1 << 22; piece >= 1 << 12; ) {
    try {
      await writeFile(file, Buffer.alloc(piece), { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      piece >>= 1;
    }
  }
}
