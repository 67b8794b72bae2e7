/** Checks that each oddity of the legacy keyspace came to the end that it has to come to. */
import { Redis } from "ioredis";
import postgres from "postgres";
import type { ReadReply } from "./backend-routes.js";
import type { Backends } from "./desk.js";
import type { Findings } from "./findings.js";
import type { LegacyKeyspace } from "./legacy-keyspace.js";
import type { Fate, Oddity } from "./legacy-oddities.js";

export interface FateOptions {
  readonly legacy: LegacyKeyspace;
  readonly findings: Findings;
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly backends: Backends;
}

/** Notes what stands under keys that have to stay as they are; called before the backend starts. */
export async function rememberUntouched(legacy: LegacyKeyspace, redisUrl: string): Promise<Map<string, string>> {
  return dump(
    redisUrl,
    untouched(legacy).flatMap(({ keys }) => keys),
  );
}

/** Returns how many keys of each fate were looked at. `before`: as rememberUntouched gave it. */
export async function checkFates(
  options: FateOptions,
  before: ReadonlyMap<string, string>,
): Promise<Record<string, number>> {
  const { legacy, findings, redisUrl } = options;
  const now = await dump(redisUrl, [...before.keys()]);
  for (const [key, bytes] of before) {
    if (now.get(key) !== bytes)
      findings.add({ breach: "lost", what: "it isn't what it was in Redis" }, key, "Redis itself");
  }
  const setAside = legacy.all.filter(({ fate }) => fate === "set aside");
  await checkRejects(options, setAside);
  await checkMerges(options);
  const count = (fate: Fate) =>
    legacy.all.filter((oddity) => oddity.fate === fate).reduce((sum, { keys }) => sum + keys.length, 0);
  return {
    "set aside": count("set aside"),
    "left alone": count("left alone"),
    merged: count("merged"),
    kept: count("kept"),
  };
}

function untouched({ all }: LegacyKeyspace): Oddity[] {
  return all.filter(({ fate }) => fate === "set aside" || fate === "left alone");
}

/** Each is on the list of what was set aside, with a reason. */
async function checkRejects({ findings, databaseUrl }: FateOptions, oddities: readonly Oddity[]): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const keys = oddities.flatMap((oddity) => oddity.keys);
    const rows = await sql<
      { key: string; reason: string }[]
    >`SELECT key, reason FROM dual_write_rejects WHERE key = ANY (${keys})`;
    const reasons = new Map(rows.map(({ key, reason }) => [key, reason]));
    for (const { name, keys: its } of oddities) {
      for (const key of its) {
        if (!reasons.get(key))
          findings.add({ breach: "lost", what: `${name}: not set aside with a reason` }, key, "Postgres itself");
      }
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function checkMerges({ legacy, findings, backends }: FateOptions): Promise<void> {
  const ids = legacy.merges.map(({ id }) => id);
  const { status, body } = await backends.request("/read", { collection: "users", ids });
  for (const [i, merge] of legacy.merges.entries()) {
    const reply = status === 200 ? (body[i] as ReadReply) : undefined;
    const value = reply?.value as Record<string, unknown> | undefined;
    if (value?.subscribed_at === merge.subscribedAt && value?.source === merge.source) continue;
    const what = `merged to ${JSON.stringify(value)} instead of the sign-up of ${merge.subscribedAt} from "${merge.source}"`;
    findings.add({ breach: "lost", what }, `users ${merge.id}`, "the backend");
  }
}

/** Keys of any type, as Redis would write them to disk. */
async function dump(redisUrl: string, keys: readonly string[]): Promise<Map<string, string>> {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 3 });
  redis.on("error", () => {});
  try {
    const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
    return new Map(keys.map((key, i) => [key, (dumps[i] as Buffer | null)?.toString("hex") ?? "nothing"]));
  } finally {
    redis.disconnect();
  }
}
