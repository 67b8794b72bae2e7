/** How far the clocks of the servers and of this machine are apart. */
import type { StoreName } from "../../stores/state.js";
import { type Finding, Findings } from "./finding.js";

export interface ClockReading {
  /** The server's clock minus this machine's. Milliseconds. */
  readonly offsetMs: number;
  /** Half of the quickest answer's time: the offset may be wrong by this much. Milliseconds. */
  readonly errorMs: number;
}

const LOOKS = 5;
/** Expiry is judged by the answering store's clock. Milliseconds. */
const APART_MS = 1000;
const FAR_APART_MS = 10_000;

/** The quickest of a few looks tells most. */
export async function readClock(now: () => Promise<number>): Promise<ClockReading> {
  const looks: ClockReading[] = [];
  for (let look = 0; look < LOOKS; look++) {
    const before = Date.now();
    const server = await now();
    const after = Date.now();
    looks.push({ offsetMs: Math.round(server - (before + after) / 2), errorMs: Math.ceil((after - before) / 2) });
  }
  return looks.reduce((best, one) => (one.errorMs < best.errorMs ? one : best));
}

export function clockFindings(clocks: Readonly<Record<StoreName, ClockReading | null>>): Finding[] {
  const findings = new Findings("both");
  const { redis, postgres } = clocks;
  const remedy = "Let both servers and the backends' machines follow a time service.";
  for (const [name, clock] of Object.entries({ Redis: redis, Postgres: postgres })) {
    if (!clock) findings.unknown(`clock of ${name}`, "it doesn't answer", remedy);
    else {
      const apart = Math.abs(clock.offsetMs) - clock.errorMs;
      findings.check(`clock of ${name}`, apart < APART_MS, "problem", `${show(clock)} from this machine's`, remedy);
    }
  }
  if (redis && postgres) {
    const between = { offsetMs: redis.offsetMs - postgres.offsetMs, errorMs: redis.errorMs + postgres.errorMs };
    const apart = Math.abs(between.offsetMs) - between.errorMs;
    findings.check(
      "clocks of both stores",
      apart < APART_MS,
      apart < FAR_APART_MS ? "problem" : "blocking",
      `${show(between)} apart`,
      `${remedy} A record expires by the clock of the store that answers.`,
    );
  }
  return findings.all;
}

function show({ offsetMs, errorMs }: ClockReading): string {
  return `${offsetMs} ms (give or take ${errorMs} ms)`;
}
