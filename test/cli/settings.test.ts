/** Where a command's settings come from: flags, the environment, a `.env` file, the configuration. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/cli/config-file.js";
import { connectionsOf } from "../../src/cli/connections.js";
import { type Environment, takeInEnvFile } from "../../src/cli/environment.js";
import { ConfigurationError } from "../../src/errors.js";
import { allCommands } from "./all-commands.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dual-write-settings-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (name: string, text: string) => writeFileSync(join(folder, name), text);

test.each(allCommands())(
  "the help of `$name` has an example, and the options of every command",
  ({ help, options }) => {
    expect(help).toMatch(/Examples?:\n( {2}\$ .*dual-write .*\n?)+/);
    for (const option of ["--redis-url", "--database-url", "--config", "--json", "--quiet", "--verbose", "--log-file"])
      expect(options).toContain(option);
  },
);

describe("a .env file", () => {
  test("adds to the environment, which wins", () => {
    put(".env", '# legacy deployment\nREDIS_URL=redis://file:6379\nDATABASE_URL="postgres://file/app"\n');
    const env: Environment = { REDIS_URL: "redis://real:6379" };
    takeInEnvFile(env, folder);
    expect(env).toEqual({ REDIS_URL: "redis://real:6379", DATABASE_URL: "postgres://file/app" });
  });

  test("need not be there, and one that can't be read is told", () => {
    takeInEnvFile({}, folder);
    mkdirSync(join(folder, ".env"));
    expect(() => takeInEnvFile({}, folder)).toThrow(/\.env: can't be read/);
  });
});

describe("connections come", () => {
  const of = (...args: Parameters<typeof connectionsOf>) => connectionsOf(...args);

  test("from flags before the environment before the configuration", () => {
    const env = { REDIS_URL: "redis://env", DATABASE_URL: "postgres://env/app" };
    const config = {
      redis: "redis://config",
      postgres: "postgres://config/app",
      keyPrefix: "shop:",
      zone: "Asia/Tokyo",
    };
    expect(of({}, {}, config)).toMatchObject(config);
    expect(of({}, env, config)).toMatchObject({
      redis: "redis://env",
      postgres: "postgres://env/app",
      zone: "Asia/Tokyo",
    });
    const flags = { redisUrl: "redis://flag", databaseUrl: "postgres://flag/app", prefix: "", zone: "UTC" };
    expect(of(flags, env, config)).toMatchObject({
      redis: "redis://flag",
      postgres: "postgres://flag/app",
      keyPrefix: "",
      zone: "UTC",
    });
  });

  test("with the password and TLS that a legacy deployment keeps beside the URL", () => {
    const redis = (url: string, env: Environment) =>
      of({ redisUrl: url, databaseUrl: "postgres://h/app" }, env, {}).redis;
    expect(redis("redis://h:1/2", { REDIS_PASSWORD: "p@ss/%41" })).toBe("redis://:p%40ss%2F%2541@h:1/2");
    expect(redis("redis://:own@h:1", { REDIS_PASSWORD: "other" })).toBe("redis://:own@h:1");
    expect(redis("redis://h:1", { REDIS_TLS_ENABLED: "True" })).toBe("rediss://h:1");
    expect(redis("rediss://h:1", { REDIS_TLS_ENABLED: "false" })).toBe("rediss://h:1");
    expect(() => redis("redis://h", { REDIS_TLS_ENABLED: "maybe" })).toThrow(/REDIS_TLS_ENABLED: "maybe" is neither/);
  });

  test("from somewhere, or it is said where they could", () => {
    expect(() => of({}, {}, {})).toThrow(/DATABASE_URL.*--database-url.*dual-write\.config\.ts/);
  });
});

describe("the configuration", () => {
  const message = async (name?: string) => {
    const error = await loadConfig(name, folder).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  };

  test("need not be there, unless it was named", async () => {
    expect(await loadConfig(undefined, folder)).toEqual({ file: null, config: {} });
    expect(await message("own.ts")).toMatch(/there is no file .*own\.ts/);
  });

  test.each(["dual-write.config.ts", "dual-write.config.js", "dual-write.config.mjs"])("may be %s", async (name) => {
    const type = name.endsWith("ts") ? ": string" : "";
    put(name, `const prefix${type} = "shop:";\nexport default { keyPrefix: prefix };\n`);
    expect(await loadConfig(undefined, folder)).toMatchObject({
      file: join(folder, name),
      config: { keyPrefix: "shop:" },
    });
  });

  test("defines collections with the library that runs it", async () => {
    const { config } = await loadConfig(undefined, fileURLToPath(new URL("coupons/", import.meta.url)));
    expect(config.collections?.coupons).toMatchObject({ kind: "records", name: "coupons" });
  });

  test.each([
    ["a broken file", "export default {", /dual-write\.config\.ts: can't be loaded: /],
    ["a throwing file", "throw new Error('no such secret')", /can't be loaded: no such secret/],
    ["an import that isn't there", "import './none.js'", /can't be loaded: .*none/],
    ["no default export", "export const redis = 'redis://h'", /export an object by default/],
    ["a function", "export default () => ({})", /export an object by default/],
    ["an unknown key", "export default { prefix: 'a:' }", /prefix: unknown; there are redis, postgres, keyPrefix/],
    ["a wrong type", "export default { redis: 6379 }", /redis: it must be a URL, or the driver's options/],
    ["a list of collections", "export default { collections: [] }", /collections: it must be an object/],
    ["a log file that is none", "export default { logFile: true }", /logFile: it must be a path, or false/],
  ])("that is %s is told with its file", async (_, text, expected) => {
    put("dual-write.config.ts", text);
    const told = await message();
    expect(told).toMatch(expected);
    expect(told).toContain(folder);
  });

  test("tells all that is wrong with it at once", async () => {
    put("dual-write.config.ts", "export default { zone: 1, prefix: 2 }");
    expect(await message()).toMatch(/zone: [\s\S]*prefix: /);
  });
});
