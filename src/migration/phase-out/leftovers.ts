/** Finds where a project still names Redis: environment files, compose files and dependencies. Values are never shown. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigurationError } from "../../errors.js";

export interface Leftover {
  /** Relative to the project's folder. */
  readonly file: string;
  readonly line: number;
  /** The name of a variable, a setting or a package; never its value. */
  readonly name: string;
}

const FILES = [/^\.env(\..+)?$/, /^(docker-)?compose(\..+)?\.ya?ml$/, /^package\.json$/];
const REDIS = /redis|valkey|bullmq/i;

/** @throws ConfigurationError for a folder that can't be read */
export async function findLeftovers(folder: string): Promise<Leftover[]> {
  const all = await readdir(folder).catch((cause: Error) => {
    throw new ConfigurationError([{ path: "project", message: `${folder} can't be read: ${cause.message}` }], {
      cause,
    });
  });
  const names = all.filter((name) => FILES.some((pattern) => pattern.test(name))).sort();
  const found = await Promise.all(names.map((name) => leftoversOf(folder, name)));
  return found.flat();
}

async function leftoversOf(folder: string, file: string): Promise<Leftover[]> {
  const lines = (await readFile(join(folder, file), "utf8")).split("\n");
  return lines.flatMap((text, i) => {
    if (/^\s*#/.test(text) || !REDIS.test(text)) return [];
    return [{ file, line: i + 1, name: nameIn(text) }];
  });
}

/** What stands before the value. A line of a list may hold anything, a URL with its password too. */
function nameIn(text: string): string {
  const [, name] = /^[\s-]*"?([\w.@/-]+)"?\s*[=:]/.exec(text) ?? [];
  return name ?? "a line that names Redis";
}

/** What else to remove, that no file tells. */
export const CHECKLIST: readonly string[] = [
  "environment: REDIS_URL, REDIS_PASSWORD, REDIS_TLS_ENABLED; DUAL_WRITE_STRATEGY stays at the last strategy",
  "code: the option `redis` of DualWriteStore.open, and whatever else connects to Redis",
  "compose files: the service redis, its volume and password, and each depends_on that names it",
  "dependencies: ioredis, redis and their like, unless something else needs them; dual-write-store brings its own",
  "backups, alerts, dashboards, firewall rules and provider accounts of Redis; keep its last backup as long as you keep others",
];
