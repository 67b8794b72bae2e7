/** Holds what writer processes were told against what both stores have. */
import { expect } from "vitest";
import type { Past } from "./support.js";
import type { Writer } from "./writer.js";

/**
 * Both stores agree, and hold all that was acknowledged to these processes, once. Of each process that was killed, one operation of
 * a kind more may have been applied and not yet told.
 */
export async function expectWritersKept(past: Past, writers: readonly Writer[]): Promise<void> {
  const { redis, postgres } = await past.record("shared");
  expect(postgres.value).toEqual(redis.value);
  const stands = redis.value?.ops ?? [];
  expect(new Set(stands).size, "no update was applied twice").toBe(stands.length);
  for (const writer of writers) {
    expect(writer.lines.filter((line) => !line.ok)).toEqual([]);
    const untold = writer.killed ? 1 : 0;
    const appended = writer.acknowledged("append").map(({ op }) => op);
    expect(appended.length).toBeGreaterThan(0);
    const own = stands.filter((op) => op.startsWith(`${writer.name}-`));
    expect(own.slice(0, appended.length)).toEqual(appended);
    expect(own.length - appended.length, `${writer.name}: ${appended.at(-1)}, ${own.at(-1)}`).toBeLessThanOrEqual(
      untold,
    );
    for (const { id } of writer.acknowledged("delete")) await past.expectRecord(id as string, null);
    const puts = writer.acknowledged("put");
    for (let slot = 0; slot < 4; slot++) {
      const id = `${writer.name}-own-${slot}`;
      const last = puts.findLast((line) => line.id === id)?.op;
      const held = await past.record(id);
      expect(held.postgres.value, id).toEqual(held.redis.value);
      // The last one told, or the one under way when it was killed.
      const allowed = [last, ...(writer.killed ? [`${writer.name}-put-${puts.length}`] : [])];
      if (last) expect(allowed).toContain(held.redis.value?.ops[0]);
    }
  }
  const counted = writers.reduce((sum, writer) => sum + writer.acknowledged("count").length, 0);
  const sums = await past.counter("shared");
  expect(sums.postgres).toBe(sums.redis);
  expect(sums.redis).toBeGreaterThanOrEqual(counted);
  expect(sums.redis).toBeLessThanOrEqual(counted + writers.filter(({ killed }) => killed).length);
}
