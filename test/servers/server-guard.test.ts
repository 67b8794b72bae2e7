/** Servers and their folders go when the process that started them goes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { waitFor } from "../support/wait-for.js";
import { exists } from "./cache-folder.js";
import { childProcesses, isAlive } from "./child-processes.js";

const PROGRAM = `
  import { startPostgres } from "./test/servers/postgres-server.ts";
  import { startRedis } from "./test/servers/redis-server.ts";
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  console.log(JSON.stringify({ pids: [postgres.pid, redis.pid], folders: [postgres.dataDir, redis.dir] }));
  if (process.argv.includes("stay")) setInterval(() => {}, 1000);
`;

async function startElsewhere(...args: string[]) {
  const node = ["--import", "tsx", "--input-type=module", "-e", PROGRAM, "--", ...args];
  const child = spawn(process.execPath, node, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return { child, ended, ...(JSON.parse(line) as { pids: number[]; folders: string[] }) };
}

async function untilGone(pids: number[], folders: string[]): Promise<void> {
  await waitFor(async () => !(await Promise.all(pids.map(isAlive))).includes(true), { what: "the processes' end" });
  await waitFor(async () => !(await Promise.all(folders.map(exists))).includes(true), { what: "the folders' end" });
}

it.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)("servers end with a parent that gets %s", async (signal) => {
  const { child, ended, pids, folders } = await startElsewhere("stay");
  const forked = await childProcesses(pids[0] as number);
  child.kill(signal);
  await ended;
  await untilGone([...pids, ...forked], folders);
});

it("a program that forgets to stop its servers still ends, and they with it", async () => {
  const { ended, pids, folders } = await startElsewhere();
  expect(await ended).toEqual([0, null]);
  await untilGone(pids, folders);
});
