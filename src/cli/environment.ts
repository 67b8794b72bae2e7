/** The environment, with what a `.env` file adds to it, and the connections that stand there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { ConfigurationError } from "../errors.js";

export type Environment = Record<string, string | undefined>;

/** Takes the variables of `.env` in `folder` into `env`; those that are there already stand. @throws ConfigurationError */
export function takeInEnvFile(env: Environment, folder: string): void {
  const file = join(folder, ".env");
  if (!existsSync(file)) return;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigurationError([{ path: ".env", message: `can't be read: ${(cause as Error).message}` }], { cause });
  }
  for (const [name, value] of Object.entries(parseEnv(text))) env[name] ??= value;
}

/**
 * A Redis URL with what deployments keep beside it: REDIS_PASSWORD for a URL that has none, TLS where REDIS_TLS_ENABLED says so.
 * What is no URL stays as it is: the options' check tells so.
 * @throws ConfigurationError
 */
export function completeRedisUrl(text: string, env: Environment): string {
  const tls = flag("REDIS_TLS_ENABLED", env);
  if (!URL.canParse(text) || !/^rediss?:\/\//.test(text)) return text;
  const url = new URL(text);
  if (tls) url.protocol = "rediss:";
  const hasPassword = url.password !== "" || url.searchParams.has("password");
  if (env.REDIS_PASSWORD && !hasPassword && url.hostname !== "") {
    url.password = encodeURIComponent(env.REDIS_PASSWORD);
  }
  return url.href;
}

const TRUE = ["true", "1", "yes", "on"];
const FALSE = ["false", "0", "no", "off", ""];

function flag(name: string, env: Environment): boolean {
  const text = (env[name] ?? "").trim().toLowerCase();
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;
  throw new ConfigurationError([{ path: name, message: `"${env[name]}" is neither true nor false` }]);
}
