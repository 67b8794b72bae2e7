/** Looks at both servers before anything is written: what the library needs of them, and what it will store there. */
import type { Redis } from "ioredis";
import { readSchemaStatus } from "../../schema/migrate.js";
import { type Asked, ask } from "../../stores/asked.js";
import { describe } from "../../stores/guard.js";
import type { PostgresStore } from "../../stores/postgres/postgres-store.js";
import { readPostgresFacts } from "../../stores/postgres/server-facts.js";
import { leastRoles, readTableAccess } from "../../stores/postgres/table-access.js";
import { companionKey, controlKeys } from "../../stores/redis/keys.js";
import { type LeastAcls, leastAcls } from "../../stores/redis/needed-commands.js";
import { type RedisFacts, readRedisFacts } from "../../stores/redis/server-facts.js";
import type { MigrationContext } from "../migration-context.js";
import { type ClockReading, clockFindings, readClock } from "./clocks.js";
import { type Finding, Findings } from "./finding.js";
import { estimateFootprint, type Footprint } from "./footprint.js";
import { type PostgresAnswers, postgresFindings } from "./postgres-checks.js";
import { redisFindings } from "./redis-checks.js";

export interface DoctorReport {
  readonly findings: readonly Finding[];
  /** What will be stored beside the data; null where Redis couldn't be asked. */
  readonly footprint: Footprint | null;
  /** The least that suffices, as text to copy: ACL commands, and SQL. */
  readonly privileges: { readonly redis: LeastAcls; readonly postgres: string };
}

/** How long a server may take to tell of itself. Milliseconds. */
const ASK_MS = 15_000;

/** Changes nothing, and never rejects for a server that is away or refuses to tell something: it says so. */
export async function doctor(context: MigrationContext): Promise<DoctorReport> {
  const [redis, postgres] = await Promise.all([lookAtRedis(context), lookAtPostgres(context)]);
  const footprint = redis?.known ? redis.value.footprint : null;
  return {
    findings: [
      ...redisPart(redis, footprint),
      ...(postgres.known
        ? [reached("postgres"), ...postgresFindings(postgres.value.answers, footprint?.postgres ?? null)]
        : [unreachable("postgres", postgres.reason)]),
      ...clockFindings({
        redis: redis?.known ? redis.value.clock : null,
        postgres: postgres.known ? postgres.value.clock : null,
      }),
    ],
    footprint,
    privileges: {
      redis: leastAcls(keyPatterns(context), versionOf(redis)),
      postgres: leastRoles(
        postgres.known ? postgres.value.answers.facts.database : "DATABASE",
        (postgres.known && postgres.value.answers.facts.schema) || "public",
        context.collections,
      ),
    },
  };
}

interface RedisLook {
  readonly facts: RedisFacts;
  readonly clock: ClockReading | null;
  readonly footprint: Footprint | null;
}

/** Null: no connection is configured. */
async function lookAtRedis(context: MigrationContext): Promise<Asked<RedisLook> | null> {
  if (!context.redis) return null;
  const client = context.redis.store.connection.beside();
  try {
    return await within(ASK_MS, async () => {
      const facts = await readRedisFacts(client, exampleKeys(context));
      return {
        facts,
        clock: await orNull(() => readClock(() => clockOf(client))),
        footprint: await orNull(() => estimateFootprint(client, context.collections)),
      };
    });
  } finally {
    client.disconnect();
  }
}

function lookAtPostgres(context: MigrationContext): Promise<Asked<{ answers: PostgresAnswers; clock: ClockReading }>> {
  return within(ASK_MS, () =>
    context.postgres.attempt(async (store) => {
      const facts = await readPostgresFacts(store.sql);
      const [tables, pending] = [await readTableAccess(store.sql, context.collections), await pendingMigrations(store)];
      return { answers: { facts, tables, pending }, clock: await readClock(() => store.now()) };
    }, ASK_MS),
  );
}

async function pendingMigrations({ sql }: PostgresStore): Promise<Asked<readonly string[]>> {
  return ask(async () => (await readSchemaStatus(sql)).pending);
}

function redisPart(redis: Asked<RedisLook> | null, footprint: Footprint | null): Finding[] {
  if (redis?.known) return [reached("redis"), ...redisFindings(redis.value.facts, footprint?.redis ?? null)];
  if (redis) return [unreachable("redis", redis.reason)];
  const findings = new Findings("redis");
  findings.unknown("reachable", "no connection is configured", "Set REDIS_URL, unless Redis was given up.");
  return findings.all;
}

function reached(about: "redis" | "postgres"): Finding {
  return { about, name: "reachable", severity: "ok", figure: "yes", remedy: null };
}

function unreachable(about: "redis" | "postgres", reason: string): Finding {
  const remedy = `Check ${about === "redis" ? "REDIS_URL" : "DATABASE_URL"}, and that the server answers this machine.`;
  return { about, name: "reachable", severity: "blocking", figure: reason, remedy };
}

function versionOf(redis: Asked<RedisLook> | null): string | undefined {
  return redis?.known && redis.value.facts.info.known ? redis.value.facts.info.value.redis_version : undefined;
}

/** What the library touches in Redis, as patterns of an ACL. */
function keyPatterns({ prefix, collections }: MigrationContext): string[] {
  const outside = collections.map(({ pattern }) => pattern).filter((pattern) => !pattern.startsWith(prefix));
  const literal = prefix.replace(/[\\*?[\]]/g, "\\$&");
  return [...new Set([`${literal}*`, "dual-write:*", ...outside])];
}

/** A key of each kind; nothing stands there. */
function exampleKeys({ prefix }: MigrationContext): string[] {
  const legacy = `${prefix}dual-write-doctor`;
  return [legacy, companionKey(legacy), controlKeys.fence];
}

async function clockOf(client: Redis): Promise<number> {
  const [seconds, micros] = await client.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

async function orNull<T>(look: () => Promise<T>): Promise<T | null> {
  try {
    return await look();
  } catch {
    // Told by the finding about what isn't known.
    return null;
  }
}

/** A server that never answers is one that isn't reached. */
async function within<T>(ms: number, look: () => Promise<T>): Promise<Asked<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1000} seconds`)), ms);
  });
  try {
    return { known: true, value: await Promise.race([look(), late]) };
  } catch (error) {
    return { known: false, reason: describe(error) };
  } finally {
    clearTimeout(timer);
  }
}
