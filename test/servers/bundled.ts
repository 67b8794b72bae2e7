/** Bundles programs once that are then started many times: compiling in each process would take as long as all the rest. */
import { mkdir, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeTemporaryFolder } from "./server-account.js";
import { startGuard } from "./server-guard.js";

export interface Bundled {
  /** The path of a program, given by its file's name without `.ts`. */
  program(name: string): string;
  /** Removes the folder, which goes as well when this process ends in any other way. */
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The part of esbuild's interface that is used. */
interface Esbuild {
  build(options: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** `folder`: where the programs are, such as "examples/demo"; two deep, as the library's sources, which look for its migrations. */
export async function bundle(folder: string, names: readonly string[]): Promise<Bundled> {
  // The compiler that tsx brings along, and runs this very file with.
  const esbuild = createRequire(fileURLToPath(import.meta.resolve("tsx")))("esbuild") as Esbuild;
  const place = await makeTemporaryFolder("dual-write-bundle-");
  // A guard ends a server and removes its folder; here there is no server.
  const guard = startGuard("TERM", place);
  const output = join(place, folder);
  await mkdir(output, { recursive: true });
  for (const name of ["migrations", "node_modules"]) await symlink(join(ROOT, name), join(place, name), "junction");
  await esbuild.build({
    entryPoints: names.map((name) => join(ROOT, folder, `${name}.ts`)),
    outdir: output,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node20",
    format: "esm",
    tsconfig: join(ROOT, "tsconfig.json"),
    alias: { "dual-write-store": join(ROOT, "src", "index.ts") },
    logLevel: "error",
  });
  return {
    program: (name) => join(output, `${name}.mjs`),
    stop: async () => {
      await rm(place, { recursive: true, force: true });
      await guard.release();
    },
  };
}
