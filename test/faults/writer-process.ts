/**
 * A backend of its own, for tests that kill or pause processes: embeds the store and prints a line of JSON for each operation.
 * Arguments: name, strategy, and another strategy if it shall flip between the two all the time. Environment: REDIS_URL, DATABASE_URL, PAUSE_MS.
 * Ends at once when its standard input does; on SIGTERM when what is in flight has been answered.
 */
import { writeSync } from "node:fs";
import { pino } from "pino";
import { DualWriteStore, type Records, type StrategyName } from "../../src/index.js";
import type { Ledger } from "./support.js";

/** One operation that ended. `began` and `ended` are milliseconds since the epoch. */
export interface Line {
  readonly op: string;
  readonly kind: "ready" | "append" | "put" | "delete" | "count" | "read" | "flip";
  readonly ok: boolean;
  readonly began: number;
  readonly ended: number;
  /** Of `put` and `delete`: the key. */
  readonly id?: string;
  /** Of `read`: what stood, and whether a fallback said so. */
  readonly ops?: readonly string[] | null;
  readonly fallback?: boolean;
  readonly error?: string;
}

const pauseMs = Number(process.env.PAUSE_MS);
const [name, strategy, flipTo] = process.argv.slice(2) as [string, StrategyName, StrategyName?];
/** Without a buffer: what was told before a kill is told. */
const tell = (line: Line) => writeSync(1, `${JSON.stringify(line)}\n`);

process.stdin.on("end", () => process.exit(0)).resume();
const store = await DualWriteStore.open({
  redis: process.env.REDIS_URL,
  postgres: process.env.DATABASE_URL,
  strategy,
  schema: "apply",
  // Time for a busy machine: no test of these asks how fast an answer comes.
  deadlines: { read: 5000, write: 10_000 },
  logger: pino({ level: "silent" }),
});
const ledgers = store.collections.user_sessions as unknown as Records<Ledger>;
tell({ op: "", kind: "ready", ok: true, began: Date.now(), ended: Date.now() });

let stopping = false;
process.once("SIGTERM", () => (stopping = true));

async function forever(kind: Line["kind"], work: (op: string, n: number) => Promise<unknown>): Promise<void> {
  for (let n = 0; !stopping; n++) {
    const op = `${name}-${kind}-${n}`;
    const began = Date.now();
    try {
      const told = await work(op, n);
      tell({ op, kind, ok: true, began, ended: Date.now(), ...(told as Partial<Line> | undefined) });
    } catch (error) {
      tell({ op, kind, ok: false, began, ended: Date.now(), error: String(error) });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

await Promise.all([
  flipTo && forever("flip", (_op, n) => store.setStrategy(n % 2 ? strategy : flipTo)),
  forever("append", async (op) => {
    await ledgers.update("shared", (value) => ({ ...value, ops: [...value.ops, op] }), { operationId: op });
  }),
  forever("put", async (op, n) => {
    const id = `${name}-own-${n % 4}`;
    await ledgers.put(id, { user_id: "u1", ops: [op] }, { operationId: op });
    return { id };
  }),
  forever("delete", async (op, n) => {
    const id = `${name}-gone-${n}`;
    await ledgers.put(id, { user_id: "u1", ops: [op] });
    await ledgers.delete(id, { operationId: op });
    return { id };
  }),
  forever("count", async (op) => {
    await store.usage.track({ userId: "shared" }, { operationId: op });
  }),
  forever("read", async () => {
    const outcome = await ledgers.read("watched");
    if (outcome.kind === "error") throw outcome.error;
    return { ops: outcome.kind === "hit" ? outcome.value.ops : null, fallback: outcome.fallback };
  }),
]);
await store.close();
process.exit(0);
