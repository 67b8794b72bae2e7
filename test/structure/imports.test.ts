import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../../src");
/** From the bottom up: a folder may import itself and what stands before it. */
const layers = ["schema", "stores", "engine", "strategy", "collections", "facade", "migration", "cli"];

const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/from "(\.[^"]+)"/g)].map(([, path]) =>
    relative(root, resolve(root, file, "..", path as string)).replace(/\.js$/, ".ts"),
  );
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

  it("has no import cycles", () => {
    const graph = new Map(files.map((file) => [file, importsOf(file)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      else if (!done.has(file)) {
        for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
        done.add(file);
      }
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
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
