/** Processor time and garbage of an operation that never waits for anything outside this process. */
import { getHeapStatistics } from "node:v8";
import { collectGarbage } from "../memory.js";

export interface Cost {
  /** Microseconds of processor time, the collector's threads included. */
  readonly micros: number;
  /** Bytes that were allocated. */
  readonly bytes: number;
}

/** Operations between two looks at the heap: few enough that hardly any look meets a collection. */
const BETWEEN_LOOKS = 500;

/** Without what it costs to call anything and to wait for its answer. */
export async function costOf(run: (i: number) => Promise<unknown>, inFlight: number, ms: number): Promise<Cost> {
  const whole = await measured(run, inFlight, ms);
  const empty = await measured(() => ANSWER, inFlight, ms / 5);
  return { micros: whole.micros - empty.micros, bytes: whole.bytes - empty.bytes };
}

const ANSWER = Promise.resolve(1);

async function measured(run: (i: number) => Promise<unknown>, inFlight: number, ms: number): Promise<Cost> {
  await repeat(run, inFlight, 2000);
  return { micros: await processorTime(run, inFlight, ms), bytes: await garbage(run, inFlight) };
}

async function processorTime(run: (i: number) => Promise<unknown>, inFlight: number, ms: number): Promise<number> {
  const began = performance.now();
  const before = process.cpuUsage();
  let done = 0;
  do {
    await repeat(run, inFlight, 2000);
    done += 2000;
  } while (performance.now() - began < ms);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / done;
}

/** From one look to the next the heap grows by what was allocated, unless it was collected in between. */
async function garbage(run: (i: number) => Promise<unknown>, inFlight: number): Promise<number> {
  let bytes = 0;
  let operations = 0;
  collectGarbage();
  for (let looks = 0; looks < 20; looks++) {
    const before = getHeapStatistics().used_heap_size;
    await repeat(run, inFlight, BETWEEN_LOOKS);
    const grown = getHeapStatistics().used_heap_size - before;
    if (grown <= 0) continue;
    bytes += grown;
    operations += BETWEEN_LOOKS;
  }
  if (operations === 0) throw new Error("the heap was collected between any two looks at it");
  return bytes / operations;
}

async function repeat(run: (i: number) => Promise<unknown>, inFlight: number, times: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < times) await run(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}
