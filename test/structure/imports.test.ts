import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../../src");
/** From the bottom up: a folder may import itself and what stands before it. */
const layers = ["schema", "stores", "engine", "strategy", "collections", "facade", "migration", "cli"];

/** Of the folders in src/migration, from the bottom up. All others stand above them, and nobody imports what runs them all. */
const migrationOrder = ["run", "keyspace", "merge", "backfill", "verify"];

const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/from "(\.[^"]+)"/g)].map(([, path]) =>
    relative(root, resolve(root, file, "..", path as string)).replace(/\.js$/, ".ts"),
  );
}

function cyclesOf(graph: ReadonlyMap<string, Iterable<string>>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (node: string, path: string[]): void => {
    if (path.includes(node)) cycles.push([...path.slice(path.indexOf(node)), node].join(" → "));
    else if (!done.has(node)) {
      for (const next of graph.get(node) ?? []) visit(next, [...path, node]);
      done.add(node);
    }
  };
  for (const node of graph.keys()) visit(node, []);
  return cycles;
}

const layerOf = (file: string) => (file.includes("/") ? layers.indexOf(file.split("/")[0] as string) : -1);

describe("the source tree", () => {
  it("has only folders that are layers", () => {
    const folders = new Set(files.filter((file) => file.includes("/")).map((file) => file.split("/")[0]));
    expect([...folders].filter((folder) => !layers.includes(folder as string))).toEqual([]);
  });

  it("imports downwards only", () => {
    const upward = files
      .filter((file) => file !== "index.ts")
      .flatMap((file) =>
        importsOf(file)
          .filter((target) => layerOf(target) > layerOf(file))
          .map((target) => `${file} → ${target}`),
      );
    expect(upward).toEqual([]);
  });

  it("imports one way between the folders of the migration", () => {
    const folderOf = (file: string) => /^migration\/([^/]+)\//.exec(file)?.[1] ?? null;
    const rank = (folder: string) => (migrationOrder.indexOf(folder) + 1 || migrationOrder.length + 1) - 1;
    const upward: string[] = [];
    const graph = new Map<string, Set<string>>();
    for (const file of files.filter((one) => one.startsWith("migration/"))) {
      for (const target of importsOf(file)) {
        const [from, to] = [folderOf(file), folderOf(target)];
        // Of the files beside the folders only the class may know what the folders do.
        if (file !== "migration/migration.ts" && (target === "migration/migration.ts" || (!from && to)))
          upward.push(`${file} → ${target}`);
        if (!from || !to || from === to) continue;
        if (rank(to) > rank(from)) upward.push(`${file} → ${target}`);
        graph.set(from, (graph.get(from) ?? new Set()).add(to));
      }
    }
    expect(upward).toEqual([]);
    expect(cyclesOf(graph)).toEqual([]);
  });

  it("has no import cycles", () => {
    expect(cyclesOf(new Map(files.map((file) => [file, importsOf(file)])))).toEqual([]);
  });

  it("keeps SQL and Lua in the stores and the schema", () => {
    const statement = /\b(SELECT .+ FROM|INSERT INTO|DELETE FROM|redis\.call)\b/;
    const outside = files.filter(
      (file) => !/^(stores|schema)\//.test(file) && statement.test(readFileSync(join(root, file), "utf8")),
    );
    expect(outside).toEqual([]);
  });

  it("names the strategies in one file only", () => {
    const names =
      /"(REDIS_PRIMARY|DUAL_WRITE|POSTGRES_PRIMARY|POSTGRES_ONLY)"|\.(REDIS_PRIMARY|DUAL_WRITE|POSTGRES_PRIMARY|POSTGRES_ONLY)\b/;
    const code = (file: string) => readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    expect(files.filter((file) => names.test(code(file)))).toEqual(["strategy/strategies.ts"]);
  });

  it("has no file over 250 lines", () => {
    const long = files
      .map((file) => [file, readFileSync(join(root, file), "utf8").split("\n").length - 1] as const)
      .filter(([, lines]) => lines > 250);
    expect(long).toEqual([]);
  });
});
