/** A bug to plant: replacements in the source, and who must notice it. A replacement that finds no place, or several, is an error. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DirectedPlan } from "./directed-plans.js";

/** Replaces one place in one file; the paths are the repository's. */
export interface Change {
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}

export type Catcher =
  /** The explorer, by its usual schedules or by those directed at one situation. */
  | { readonly kind: "schedules"; readonly plan?: DirectedPlan }
  /** The explorer on real servers, which sees Lua and SQL too. */
  | { readonly kind: "servers" }
  /** One test file, of which only the tests run whose full names contain `name`. */
  | { readonly kind: "test"; readonly file: string; readonly name: string };

export interface PlantedBug {
  /** Unique; says what the broken program does. */
  readonly name: string;
  readonly changes: readonly Change[];
  readonly caughtBy: Catcher;
}

export const schedules: Catcher = { kind: "schedules" };
export const servers: Catcher = { kind: "servers" };
export const directed = (plan: DirectedPlan): Catcher => ({ kind: "schedules", plan });
export const test = (file: string, name: string): Catcher => ({ kind: "test", file, name });

export function bug(name: string, caughtBy: Catcher, ...changes: readonly Change[]): PlantedBug {
  return { name, caughtBy, changes };
}
export const change = (file: string, search: string, replace: string): Change => ({ file, search, replace });

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What a copy needs so that the explorer and the tests run in it. */
const PARTS = ["src", "test", "migrations", "package.json", "tsconfig.json", "vitest.config.ts"];

/** The changed files with the bug in them, by path. @throws Error where a change has no place, or more than one */
export async function plantedFiles(one: PlantedBug, source = ROOT): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { file, search, replace } of one.changes) {
    const text = files.get(file) ?? (await readFile(join(source, file), "utf8"));
    const places = text.split(search).length - 1;
    if (places !== 1)
      throw new Error(
        `"${one.name}" can't be planted: its text stands ${places} times in ${file}. Bring test/planted up to date.\n${search}`,
      );
    files.set(
      file,
      text.replace(search, () => replace),
    );
  }
  return files;
}

/** Runs `work` in a copy of `source`, with a bug in it unless it is null. */
export async function inCopy<T>(
  source: string,
  planted: PlantedBug | null,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const files = planted ? await plantedFiles(planted, source) : new Map<string, string>();
  const folder = await mkdtemp(join(tmpdir(), "planted-"));
  try {
    for (const part of PARTS) await cp(join(source, part), join(folder, part), { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
    for (const [file, text] of files) await writeFile(join(folder, file), text);
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
