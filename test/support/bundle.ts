/** Bundles a program of this project once, where a test starts it so often that compiling it each time would take as long as all the rest. */
import { mkdir, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The part of esbuild's interface that is used. */
interface Esbuild {
  build(options: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** `source` and `library` are relative to the project's folder; the program stands under the source's path in `folder`. Returns where. */
export async function bundleProgram(source: string, folder: string, library = "src/index.ts"): Promise<string> {
  // The compiler that tsx brings along.
  const esbuild = createRequire(createRequire(import.meta.url).resolve("tsx"))("esbuild") as Esbuild;
  const program = join(folder, source.replace(/\.ts$/, ".mjs"));
  await mkdir(dirname(program), { recursive: true });
  // What programs look for beside themselves.
  for (const name of ["migrations", "node_modules", "package.json"]) await link(name, folder);
  await esbuild.build({
    entryPoints: [join(ROOT, source)],
    outfile: program,
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node20",
    format: "esm",
    tsconfig: join(ROOT, "tsconfig.json"),
    alias: { "dual-write-store": join(ROOT, library) },
    logLevel: "error",
  });
  return program;
}

async function link(name: string, folder: string): Promise<void> {
  await symlink(join(ROOT, name), join(folder, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}
