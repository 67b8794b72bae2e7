/** Decides which account servers run under: Postgres refuses root, so root hands them to `nobody`. */
import { chmod, chown, mkdir, mkdtemp, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runCommand } from "./run-command.js";

/** Empty when the current user will do. */
export type ServerAccount = { uid: number; gid: number } | { uid?: undefined; gid?: undefined };

let nobody: Promise<ServerAccount> | undefined;

export function serverAccount(): Promise<ServerAccount> {
  if (process.getuid?.() !== 0) return Promise.resolve({});
  nobody ??= Promise.all([runCommand("id", ["-u", "nobody"]), runCommand("id", ["-g", "nobody"])]).then(
    ([uid, gid]) => ({ uid: Number(uid), gid: Number(gid) }),
  );
  return nobody;
}

/** Whether every account can walk down to `path`; the parts that don't exist yet count as open. */
export async function isOpenToAll(path: string): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found !== undefined && (found.mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** Makes a temporary folder that `account` owns and can reach. */
export async function makeTemporaryFolder(prefix: string, account: ServerAccount = {}): Promise<string> {
  const parent = account.uid === undefined || (await isOpenToAll(tmpdir())) ? tmpdir() : "/tmp";
  const folder = await mkdtemp(join(parent, prefix));
  await giveTo(account, folder);
  return folder;
}

/** Creates `folder` where missing and hands it to `account`. */
export async function giveTo(account: ServerAccount, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  if (account.uid !== undefined) await chown(folder, account.uid, account.gid);
}
