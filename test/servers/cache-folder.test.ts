/** The cache is safe for processes that fill it at the same time. */
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { cached, cacheFolder } from "./cache-folder.js";
import { makeTemporaryFolder } from "./server-account.js";

let home: string;

beforeEach(async () => {
  home = await makeTemporaryFolder("dual-write-test-");
  await chmod(home, 0o755);
  vi.stubEnv("XDG_CACHE_HOME", home);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

it("gives all who build the same thing at once one finished folder, and leaves no half-built one", async () => {
  const build = (folder: string) => writeFile(join(folder, "made"), "whole");
  const folders = await Promise.all(Array.from({ length: 8 }, () => cached("thing", build)));
  expect(new Set(folders).size).toBe(1);
  expect(await readFile(join(folders[0] as string, "made"), "utf8")).toBe("whole");
  expect(await readdir(await cacheFolder())).toEqual(["thing"]);
});

it("builds nothing that is there already", async () => {
  await cached("thing", async () => {});
  const again = vi.fn(async () => {});
  await cached("thing", again);
  expect(again).not.toHaveBeenCalled();
});

it("leaves nothing of a build that failed", async () => {
  await expect(cached("thing", () => Promise.reject(new Error("no disk")))).rejects.toThrow("no disk");
  expect(await readdir(await cacheFolder())).toEqual([]);
});
