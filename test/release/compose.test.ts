/** The compose files say what the documents say of them. No container engine is needed: they are parsed. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ROOT, readYaml } from "./files.js";

const compose = readYaml("compose.yaml");
const staging = readYaml("compose.staging.yaml");
const { services, volumes } = compose;

/** The options of a server's command line, by name. */
function flags(command: readonly string[]): Map<string, string> {
  const pairs = command.flatMap((word, i) =>
    word.startsWith("--") ? [[word.slice(2), command[i + 1] as string] as const] : [],
  );
  return new Map(pairs);
}

describe("Redis", () => {
  const { command, volumes: mounts, healthcheck, environment, ports } = services.redis;

  test("keeps an append-only file that is written every second, and evicts nothing", () => {
    expect(command.every((word: unknown) => typeof word === "string")).toBe(true);
    const given = flags(command);
    expect(Object.fromEntries(given)).toMatchObject({
      appendonly: "yes",
      appendfsync: "everysec",
      "maxmemory-policy": "noeviction",
    });
  });

  test("keeps it in a named volume", () => {
    const [name, target] = mounts[0].split(":");
    expect(Object.keys(volumes)).toContain(name);
    expect(target).toBe("/data");
  });

  test("asks for a password that must be set, is checked with it, and isn't published", () => {
    expect(flags(command).get("requirepass")).toMatch(/^\$\{REDIS_PASSWORD:\?/);
    expect(environment.REDISCLI_AUTH).toBe(flags(command).get("requirepass"));
    expect(healthcheck.test.join(" ")).toContain("redis-cli ping");
    expect(ports).toBeUndefined();
  });
});

test("Postgres has a named volume, a password that must be set and a health check, and isn't published", () => {
  const { volumes: mounts, environment, healthcheck, ports } = services.postgres;
  expect(Object.keys(volumes)).toContain(mounts[0].split(":")[0]);
  expect(environment.POSTGRES_PASSWORD).toMatch(/^\$\{POSTGRES_PASSWORD:\?/);
  expect(healthcheck.test.join(" ")).toContain(
    `pg_isready --username ${environment.POSTGRES_USER} --dbname ${environment.POSTGRES_DB}`,
  );
  expect(ports).toBeUndefined();
});

describe("the backend", () => {
  test("starts when both stores are healthy and the schema is up to date, and tells when it is ready", () => {
    const { depends_on, environment, healthcheck } = services.backend;
    expect(depends_on).toEqual({
      redis: { condition: "service_healthy" },
      postgres: { condition: "service_healthy" },
      migrate: { condition: "service_completed_successfully" },
    });
    expect(environment).toMatchObject({
      DUAL_WRITE_STRATEGY: expect.stringMatching(/:-REDIS_PRIMARY\}$/),
      REDIS_URL: "redis://redis:6379",
    });
    expect(healthcheck.test.join(" ")).toContain("/readyz");
    expect(readFileSync(`${ROOT}examples/backend/server.ts`, "utf8")).toContain('"/readyz"');
  });

  test("is built from a file that is there, and migrated only after a backup", () => {
    const { dockerfile, context } = services.backend.build;
    expect(existsSync(`${ROOT}${context}/${dockerfile}`)).toBe(true);
    expect(services.migrate.command).toEqual(["dual-write", "migrate-schema", "--backup-first"]);
    const folder = services.migrate.volumes[0].split(":")[1];
    expect(readFileSync(`${ROOT}${dockerfile}`, "utf8")).toContain(`DUAL_WRITE_BACKUPS=${folder}`);
  });
});

test("every service that is depended on and every volume that is mounted is there", () => {
  for (const { depends_on = {}, volumes: mounts = [] } of Object.values<{ depends_on?: object; volumes?: string[] }>(
    services,
  )) {
    expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(depends_on)));
    expect(Object.keys(volumes)).toEqual(expect.arrayContaining(mounts.map((mount) => mount.split(":")[0])));
  }
});

test("staging has a name of its own, so volumes of its own, and publishes to this machine alone", () => {
  expect(staging.name).not.toBe(compose.name);
  expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(staging.services)));
  for (const { ports, command } of Object.values<{ ports: string[]; command?: unknown }>(staging.services)) {
    expect(command).toBeUndefined(); // What Redis is started with, and so its durability, is production's.
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
});
