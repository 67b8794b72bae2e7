/** What a polite backfill does to the others: the time of a GET beside it, and what it costs the backfill itself. */
import { Redis } from "ioredis";
import { derivedFigure, ratioFigure } from "../figure.js";
import { Latencies } from "../latencies.js";
import { checkBackfill } from "../migration/checks.js";
import type { KeyspaceStage } from "../migration/keyspace-stage.js";
import { rateOf } from "../migration/tasks.js";
import type { Worker } from "../migration/worker-process.js";
import type { Run } from "../run.js";

const EVERY_MS = 2;
const IDLE_MS = 1000;
/** Milliseconds that nobody complains about. */
const BEARABLE = 5;

export interface Sizes {
  /** Of the keyspace. */
  readonly keys: number;
  /** Of it, for the usual script. */
  readonly sample: number;
}

export async function benchPolite(
  run: Run,
  stage: KeyspaceStage,
  worker: Worker,
  { keys, sample }: Sizes,
): Promise<void> {
  const turns: { ours: number; theirs: number; value: number }[] = [];
  const [ours, usual]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < Math.ceil(run.turns.count / 2); turn++) {
    // A backfill leaves the records behind that it merged other spellings into.
    await stage.fill(keys);
    usual.push(rateOf(await worker.run({ name: "usual", limit: sample }, stage.urls)));
    const idle = await foreground(stage, new Promise((resolve) => setTimeout(resolve, IDLE_MS)));
    const copying = worker.run({ name: "backfill", polite: true }, stage.urls);
    const busy = await foreground(stage, copying);
    const done = await copying;
    checkBackfill(stage, done);
    ours.push(rateOf(done));
    turns.push({ ours: busy, theirs: idle, value: busy / Math.max(3 * idle, BEARABLE) });
  }
  const heading = { bench: "backfill", at: `${keys.toLocaleString("en-US")} keys` };
  const beside = { ...heading, name: "GET beside a polite backfill", against: "idle", unit: "ms, p99" };
  run.tell(derivedFigure({ ...beside, aim: { atMost: 1 } }, "of what is allowed", turns));
  const speed = { ...heading, name: "polite backfill", against: "the usual script", unit: "keys a second" };
  run.tell(ratioFigure({ ...speed, aim: { atLeast: 8 } }, ours, usual));
}

/** p99 of GETs that are due every few milliseconds, from when each was due, until `end` settles. Milliseconds. */
async function foreground({ urls }: KeyspaceStage, end: Promise<unknown>): Promise<number> {
  const redis = new Redis(urls.redis);
  await redis.ping();
  const latencies = new Latencies();
  let isOver = false;
  void end.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  const asked: Promise<unknown>[] = [];
  const began = performance.now();
  for (let n = 0; !isOver; n++) {
    const dueAt = began + n * EVERY_MS;
    while (performance.now() < dueAt)
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())));
    asked.push(
      redis
        .get(`threadr:email:person${n % 1000}@mail.example.org`)
        .then(() => latencies.add(performance.now() - dueAt)),
    );
  }
  await Promise.all(asked);
  redis.disconnect();
  return latencies.quantile(0.99);
}
