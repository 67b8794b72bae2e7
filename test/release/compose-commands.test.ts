/** What the compose files start is something that the programs take: each command against the real command line, and a real Redis. */
import { existsSync, readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { connectionsOf } from "../../src/cli/connections.js";
import { completeRedisUrl } from "../../src/cli/environment.js";
import { allCommands } from "../cli/all-commands.js";
import { runHere } from "../cli/run-here.js";
import { freshRedis } from "../support/databases.js";
import { ROOT, readYaml } from "./files.js";

interface Service {
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly build?: { readonly dockerfile: string };
}

const services: Readonly<Record<string, Service>> = readYaml("compose.yaml").services;
const SECRETS: Readonly<Record<string, string>> = { REDIS_PASSWORD: "r3dis", POSTGRES_PASSWORD: "p0stgres" };

/** `${NAME:?message}` and `${NAME:-default}`, as Compose fills them in. */
function filled(text: string): string {
  return text.replaceAll(
    /\$\{(\w+)(?::\?[^}]*|:-([^}]*))\}/g,
    (_, name, otherwise) => SECRETS[name] ?? otherwise ?? "",
  );
}

/** Command lines of `dual-write`, without its name. */
const LINES: readonly (readonly [service: string, words: readonly string[]])[] = Object.entries(services).flatMap(
  ([name, { entrypoint = [], command = [] }]) => {
    const [program, ...words] = [...entrypoint, ...command];
    return program === "dual-write" ? [[name, words] as const] : [];
  },
);

describe("the command line", () => {
  test("of two services is `dual-write`'s", () => {
    expect(LINES.map(([service]) => service)).toEqual(["migrate", "dual-write"]);
  });

  test.each(LINES)("of `%s` is one that it understands, with connections that it can read", async (service, words) => {
    const env = Object.fromEntries(
      Object.entries(services[service]?.environment ?? {}).map(([name, value]) => [name, filled(value)]),
    );
    expect(connectionsOf({}, env, {})).toMatchObject({
      redis: "redis://:r3dis@redis:6379",
      postgres: "postgres://app:p0stgres@postgres:5432/app",
    });
    // Nobody answers there: it gets as far as asking, or needs nobody.
    const away = { REDIS_URL: "redis://127.0.0.1:1", DATABASE_URL: "postgres://127.0.0.1:1/app", REDIS_PASSWORD: "x" };
    const { code, stderr } = await runHere(words, away);
    expect(code, stderr).not.toBe(2);
  });

  test("that the comments tell people to type is one", () => {
    const typed = ["compose.yaml", "compose.staging.yaml"].flatMap((file) =>
      [...readFileSync(`${ROOT}${file}`, "utf8").matchAll(/run --rm dual-write ([\w-]+)/g)].map(([, name]) => name),
    );
    expect(typed.length).toBeGreaterThan(0);
    expect(allCommands().map(({ name }) => name)).toEqual(expect.arrayContaining(typed));
  });
});

test("Redis starts with the command given, asks for the password, and is as durable as the documents say", async () => {
  const [program, ...args] = (services.redis?.command ?? []).map((word) => filled(word));
  expect(program).toBe("redis-server");
  const server = await freshRedis({ args });
  const stranger = new Redis(server.url).on("error", () => {}); // Already its greeting is refused.
  const redis = new Redis(completeRedisUrl(server.url, SECRETS));
  try {
    await expect(stranger.get("threadr:emails:list")).rejects.toThrow(/NOAUTH/);
    const setting = async (name: string) => ((await redis.config("GET", name)) as string[])[1];
    expect(await setting("appendonly")).toBe("yes");
    expect(await setting("appendfsync")).toBe("everysec");
    expect(await setting("aof-use-rdb-preamble")).toBe("yes");
    expect(await setting("maxmemory-policy")).toBe("noeviction");
    expect(await setting("maxmemory")).toBe(String(2 * 2 ** 30));
  } finally {
    stranger.disconnect();
    redis.disconnect();
    await server.stop();
  }
});

test("an image is built from files that are there", () => {
  const files = new Set(Object.values(services).flatMap(({ build }) => (build ? [build.dockerfile] : [])));
  expect(files.size).toBe(1);
  for (const file of files) {
    const sources = [...readFileSync(`${ROOT}${file}`, "utf8").matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, from]) =>
      (from as string).split(" "),
    );
    expect(sources).toContain("package-lock.json");
    expect(sources.filter((source) => !existsSync(`${ROOT}${source}`))).toEqual([]);
  }
});
