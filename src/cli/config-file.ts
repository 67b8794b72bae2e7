/** Finds, loads and checks the `dual-write.config.ts`. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { createJiti } from "jiti";
import { ConfigurationError, type Issue } from "../errors.js";
import type { DualWriteConfig } from "./define-config.js";

/** Looked for in the working directory, in this order. */
export const CONFIG_FILES = ["dual-write.config.ts", "dual-write.config.js", "dual-write.config.mjs"];

export interface LoadedConfig {
  /** Null: there is none. */
  readonly file: string | null;
  readonly config: DualWriteConfig;
}

/** `named`: the file that the user named, which must be there. @throws ConfigurationError */
export async function loadConfig(named: string | undefined, folder: string): Promise<LoadedConfig> {
  const names = named === undefined ? CONFIG_FILES : [named];
  const file = names.map((name) => resolve(folder, name)).find((path) => existsSync(path));
  if (!file) {
    if (named === undefined) return { file: null, config: {} };
    throw new ConfigurationError([{ path: "--config", message: `there is no file ${resolve(folder, named)}` }]);
  }
  const config = await load(file);
  const issues = issuesOf(config);
  if (issues.length > 0)
    throw new ConfigurationError(issues.map(({ path, message }) => ({ path: `${file}, ${path}`, message })));
  return { file, config: config as DualWriteConfig };
}

async function load(file: string): Promise<unknown> {
  try {
    // The file gets the very library that runs it, wherever it stands, so that what it defines is of this one's making.
    const library = await import("../index.js");
    const jiti = createJiti(file, {
      fsCache: false,
      interopDefault: false,
      virtualModules: { "dual-write-store": library },
    });
    const loaded = await jiti.import<{ default?: unknown }>(file);
    return loaded.default;
  } catch (cause) {
    const reason = (cause as Error).message.trim();
    throw new ConfigurationError([{ path: file, message: `can't be loaded: ${reason}` }], { cause });
  }
}

interface Rule {
  readonly holds: (value: unknown) => boolean;
  readonly expected: string;
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown) => typeof value === "string";
const connection: Rule = {
  holds: (value) => isText(value) || isObject(value),
  expected: "a URL, or the driver's options",
};
const text: Rule = { holds: isText, expected: "a text" };

const RULES: Readonly<Record<keyof DualWriteConfig, Rule>> = {
  redis: connection,
  postgres: connection,
  keyPrefix: text,
  zone: text,
  collections: { holds: isObject, expected: "an object of collections by their names" },
  logFile: { holds: (value) => isText(value) || value === false, expected: "a path, or false" },
};

function issuesOf(config: unknown): Issue[] {
  if (!isObject(config)) {
    return [{ path: "default", message: "it must export an object by default: export default defineConfig({ … })" }];
  }
  return Object.entries(config).flatMap(([name, value]) => {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof DualWriteConfig] : undefined;
    if (!rule) return [{ path: name, message: `unknown; there are ${Object.keys(RULES).join(", ")}` }];
    return value === undefined || rule.holds(value) ? [] : [{ path: name, message: `it must be ${rule.expected}` }];
  });
}
