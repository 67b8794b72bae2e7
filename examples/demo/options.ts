/** What the command line and the environment ask for. */
import { parseArgs } from "node:util";

export interface Pace {
  readonly people: number;
  /** Of the backend. */
  readonly processes: number;
  /** Closed-loop clients. */
  readonly clients: number;
  /** A client's pause between two requests. Milliseconds. */
  readonly thinkMs: number;
  /** How long each week lasts once everything has changed that changes in it. Milliseconds. */
  readonly weekMs: number;
  /** How long a server stays down before it is started again: all in all shorter than the write deadline. Milliseconds. */
  readonly outageMs: number;
  /** About how long the whole demo takes. Milliseconds. */
  readonly wholeMs: number;
}

export interface DemoOptions {
  readonly pace: Pace;
  readonly quick: boolean;
  readonly json: boolean;
  readonly seed: number;
  /** Servers to use instead of own ones; undefined: start one. */
  readonly redisUrl: string | undefined;
  readonly databaseUrl: string | undefined;
}

export const USAGE = `npm run demo [-- --quick] [-- --json] [-- --seed <number>]

Moves the data of a running backend from Redis to Postgres and back, and proves that nothing was lost.

  --quick   2,000 people instead of 20,000 and shorter weeks: within 45 seconds
  --json    prints one JSON document at the end on stdout, and tells the story on stderr
  --seed    of the made-up keyspace and traffic (default 1)

It starts a Redis and a Postgres of its own. DEMO_REDIS_URL and DEMO_DATABASE_URL name others; they must be empty.`;

const FULL: Pace = {
  people: 20_000,
  processes: 3,
  clients: 24,
  thinkMs: 40,
  weekMs: 6500,
  outageMs: 800,
  wholeMs: 170_000,
};
const QUICK: Pace = {
  people: 2000,
  processes: 3,
  clients: 10,
  thinkMs: 45,
  weekMs: 600,
  outageMs: 500,
  wholeMs: 38_000,
};

/** Undefined: help was asked for. @throws TypeError for what can't be understood */
export function readOptions(args: readonly string[], env: NodeJS.ProcessEnv): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new TypeError(`--seed takes a whole number, not "${values.seed}".`);
  return {
    pace: values.quick ? QUICK : FULL,
    quick: values.quick,
    json: values.json,
    seed,
    redisUrl: env.DEMO_REDIS_URL || undefined,
    databaseUrl: env.DEMO_DATABASE_URL || undefined,
  };
}
