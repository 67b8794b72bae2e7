/** Bundles the demo's programs once: it starts some twenty processes, and compiling in each would take as long as all the rest. */
import { mkdir, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeTemporaryFolder } from "../../test/servers/server-account.js";
import { startGuard } from "../../test/servers/server-guard.js";

export interface Bundled {
  /** The path of a program, given by its file's name without `.ts`. */
  program(name: string): string;
  /** Removes the folder, which goes as well when this process ends in any other way. */
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HERE = fileURLToPath(new URL("./", import.meta.url));

/** The part of esbuild's interface that is used. */
interface Esbuild {
  build(options: Readonly<Record<string, unknown>>): Promise<unknown>;
}

export async function bundle(names: readonly string[]): Promise<Bundled> {
  // The compiler that tsx brings along, and runs this very file with.
  const esbuild = createRequire(fileURLToPath(import.meta.resolve("tsx")))("esbuild") as Esbuild;
  const folder = await makeTemporaryFolder("dual-write-demo-");
  // A guard ends a server and removes its folder; here there is no server.
  const guard = startGuard("TERM", folder);
  // As deep as a source file of the library, which looks for its migrations two folders up.
  const output = join(folder, "examples", "demo");
  await mkdir(output, { recursive: true });
  for (const name of ["migrations", "node_modules"]) await symlink(join(ROOT, name), join(folder, name), "junction");
  await esbuild.build({
    entryPoints: names.map((name) => join(HERE, `${name}.ts`)),
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
      await rm(folder, { recursive: true, force: true });
      await guard.release();
    },
  };
}
