/** A program of the legacy kind: it writes the keys directly and knows nothing of the library. Run by bypass.ts. */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { legacyDate, legacyKey, pythonDumps, usageIds } from "./legacy-form.js";
import { session } from "./legacy-people.js";
import { livesWithParent } from "./program.js";
import { Random } from "./random.js";

/** What it is about to do; the journal answers with a mark before it does it. */
export type BypassWrite =
  | { readonly kind: "put"; readonly collection: string; readonly id: string; readonly expiresAt: number | null }
  | { readonly kind: "delete"; readonly collection: string; readonly id: string }
  | { readonly kind: "count"; readonly ids: readonly string[] };

/** It sends its intention, is given a mark, and tells what became of it. */
export type FromBypass = { readonly intends: BypassWrite } | { readonly outcome: "acknowledged" | "unknown" };
export interface ToBypass {
  readonly mark: number;
}

const SIGN_UPS = 60;
const PAUSE_MS = 25;

livesWithParent();
const redis = new Redis(process.env.REDIS_URL as string, {
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
});
redis.on("error", () => {});
const addresses = (process.env.SHARED_ADDRESSES as string).split(",");
const day = Number(process.env.DEMO_DAY);
const random = new Random(Number(process.env.SEED));
let stopping = false;
process.once("SIGTERM", () => {
  stopping = true;
});

for (let n = 0; !stopping; n++) {
  const write = choose(n);
  const mark = await ask(write);
  const outcome = await carryOut(write, mark).then(
    () => "acknowledged" as const,
    () => "unknown" as const,
  );
  process.send?.({ outcome } satisfies FromBypass);
  await sleep(PAUSE_MS);
}
redis.disconnect();
process.disconnect?.();

function choose(n: number): BypassWrite {
  const signUp = { collection: "users", id: `bypass${random.below(SIGN_UPS)}@cron.example` };
  const turn = random.below(10);
  if (turn < 4) return { kind: "count", ids: usageIds("ip", random.pick(addresses), day) };
  if (turn < 7) return { kind: "put", ...signUp, expiresAt: null };
  if (turn < 8) return { kind: "delete", ...signUp };
  if (turn < 9)
    return {
      kind: "put",
      collection: "user_sessions",
      id: `cron-${n}`,
      expiresAt: Date.now() + 500 + random.below(4000),
    };
  return {
    kind: "put",
    collection: "subscriptions",
    id: `email:bypass${random.below(SIGN_UPS)}@cron.example`,
    expiresAt: null,
  };
}

function ask(write: BypassWrite): Promise<number> {
  return new Promise((resolve) => {
    process.once("message", ({ mark }: ToBypass) => resolve(mark));
    process.send?.({ intends: write } satisfies FromBypass);
  });
}

async function carryOut(write: BypassWrite, mark: number): Promise<void> {
  if (write.kind === "count") {
    const pipeline = redis.pipeline();
    for (const id of write.ids) pipeline.incr(legacyKey("usage", id));
    return check(await pipeline.exec());
  }
  const key = legacyKey(write.collection, write.id);
  if (write.kind === "delete") {
    await redis.del(key);
    return;
  }
  // In one transaction, so that nobody sees the value without its end.
  const both = redis.multi().set(key, pythonDumps(legacyValue(write.collection, mark)));
  both.pexpireat(key, write.expiresAt ?? Date.now() + 30 * 86_400_000);
  check(await both.exec());
}

function legacyValue(collection: string, mark: number): Record<string, unknown> {
  const now = Date.now();
  if (collection === "users") return { subscribed_at: legacyDate(now), source: "cron", demo_mark: mark };
  if (collection === "user_sessions") return { ...session(random, 0, null, now), demo_mark: mark };
  return {
    granted_at: legacyDate(now),
    expires_at: legacyDate(now + 20 * 86_400_000),
    plan: "premium",
    duration_days: 20,
    client_ip: "0.0.0.0",
    email: null,
    payment_info: { demo_mark: mark },
  };
}

function check(replies: [Error | null, unknown][] | null): void {
  const failed =
    replies === null ? new Error("The transaction was not carried out.") : replies.find(([error]) => error)?.[0];
  if (failed) throw failed;
}
