/** Whether what went through the keyspace did its work: by its own counts, and by what stands. */
import type { KeyspaceStage } from "./keyspace-stage.js";
import type { Done } from "./tasks.js";

/** Every key ended as it had to. */
export function checkBackfill(stage: KeyspaceStage, { keys, counts }: Done): void {
  const { fates } = stage;
  const of = (outcome: string) => counts[outcome] ?? 0;
  // A merge writes the record under its normal spelling, and the set of emails: new keys, which SCAN may or may not give.
  const made = of("unchanged") + of("ignored") - fates.ignored;
  const isRight =
    keys === keysOf(stage) + made &&
    made >= 0 &&
    made <= fates.merged + 1 &&
    of("copied") + of("merged") === fates.copied + fates.merged &&
    of("setAside") === fates.setAside;
  if (!isRight) throw new Error(`the backfill counted ${JSON.stringify(counts)} of ${JSON.stringify(fates)}`);
}

function keysOf({ fates }: KeyspaceStage): number {
  return fates.copied + fates.merged + fates.setAside + fates.ignored;
}

export async function checkPipeline(stage: KeyspaceStage): Promise<void> {
  const rows = await stage.count("SELECT count(*) FROM pipeline_copy");
  if (rows < stage.fates.copied + stage.fates.merged) throw new Error(`the pipeline brought only ${rows} rows`);
}

export function checkVerify({ counts }: Done): void {
  if (Object.keys(counts).length > 0) throw new Error(`the verify found differences: ${JSON.stringify(counts)}`);
}

export function checkAudit(stage: KeyspaceStage, { keys }: Done): void {
  if (keys !== keysOf(stage)) throw new Error(`the audit saw ${keys} keys of ${keysOf(stage)}`);
}

interface Held {
  readonly value: string;
  readonly expiresAt: number;
}

/** Some records as Redis has them, to be looked for when they have gone and come back. */
export class Remembered {
  readonly #records: ReadonlyMap<string, Held>;

  private constructor(records: ReadonlyMap<string, Held>) {
    this.#records = records;
  }

  static async of({ redis }: KeyspaceStage, count: number): Promise<Remembered> {
    const records = new Map<string, Held>();
    for (let n = 0; n < count; n++) {
      const key = `threadr:email:person${Math.floor(n / 4) * 20 + (n % 4)}@mail.example.org`;
      const [value, expiresAt] = await Promise.all([redis.get(key), redis.pexpiretime(key)]);
      if (value !== null) records.set(key, { value, expiresAt });
    }
    if (records.size < count / 2)
      throw new Error(`only ${records.size} of ${count} records are there to be remembered`);
    return new Remembered(records);
  }

  async check({ redis }: KeyspaceStage): Promise<void> {
    for (const [key, { value, expiresAt }] of this.#records) {
      const [found, until] = await Promise.all([redis.get(key), redis.pexpiretime(key)]);
      if (found !== value || until !== expiresAt) throw new Error(`${key} came back as something else`);
    }
  }
}
