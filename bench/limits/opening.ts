/** From `open` to the first answer, against connecting both bare clients and asking each one thing. */
import { Redis } from "ioredis";
import postgres from "postgres";
import { ratioFigure } from "../figure.js";
import { idOf, itemOf, TTL_MS } from "../items.js";
import type { Run } from "../run.js";
import type { Stage } from "../stage.js";

export async function benchOpening(run: Run, stage: Stage): Promise<void> {
  if (!run.wants("opening")) return;
  const first = await stage.open("DUAL_WRITE");
  await first.collections.items.put(idOf(0), itemOf(0), { expiresAt: Date.now() + TTL_MS });
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let turn = -1; turn < run.turns.count * 3; turn++) {
    const [own, bare] = [await openStore(stage), await connectBare(stage)];
    if (turn < 0) continue;
    ours.push(own);
    theirs.push(bare);
  }
  const heading = {
    bench: "limits",
    name: "opening, until the first answer",
    against: "both bare clients",
    at: "DUAL_WRITE",
  };
  run.tell(ratioFigure({ ...heading, unit: "ms", aim: { atMost: 1.5 } }, ours, theirs));
  await first.close();
}

async function openStore(stage: Stage): Promise<number> {
  const began = performance.now();
  // As in production: the schema is there.
  const store = await stage.open("DUAL_WRITE", { schema: "check" });
  if ((await store.collections.items.get(idOf(0))) === null) throw new Error("a record is missing");
  const took = performance.now() - began;
  await store.close();
  return took;
}

async function connectBare({ redisUrl, databaseUrl }: Stage): Promise<number> {
  const began = performance.now();
  const redis = new Redis(redisUrl);
  const sql = postgres(databaseUrl, { onnotice: () => {} });
  await Promise.all([redis.get("nothing"), sql`SELECT 1`]);
  const took = performance.now() - began;
  redis.disconnect();
  await sql.end({ timeout: 1 });
  return took;
}
