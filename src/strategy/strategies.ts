/** The strategies, as data. No other file branches on a strategy's name; a fifth strategy would be a row here. */
import type { Policy } from "../engine/context.js";
import { StrategyError } from "../errors.js";
import type { StoreName } from "../stores/state.js";

export type StrategyName = "REDIS_PRIMARY" | "DUAL_WRITE" | "POSTGRES_PRIMARY" | "POSTGRES_ONLY";

export interface Strategy {
  /** Its place in the order. Neighbours may run at once; strategies two apart may not. */
  readonly stage: number;
  /** The store that decides outcomes once the whole fleet has crossed to this strategy. */
  readonly authority: StoreName;
  /** Whether a write waits for the mirror, or leaves it to the repair log. */
  readonly mirror: Policy["mirror"];
  /** Whether a failed read may be answered by the other store. */
  readonly fallback: boolean;
  /** Whether a sample of reads is compared with the mirror. */
  readonly compare: boolean;
  /** Whether a process can start while Postgres is out of reach, or not there yet. */
  readonly postgresOptional: boolean;
  /** Whether a process can start without Redis. */
  readonly redisOptional: boolean;
}

export const strategies = {
  REDIS_PRIMARY: {
    stage: 0,
    authority: "redis",
    mirror: "background",
    fallback: true,
    compare: false,
    postgresOptional: true,
    redisOptional: false,
  },
  DUAL_WRITE: {
    stage: 1,
    authority: "redis",
    mirror: "awaited",
    fallback: true,
    compare: true,
    postgresOptional: false,
    redisOptional: false,
  },
  POSTGRES_PRIMARY: {
    stage: 2,
    authority: "postgres",
    mirror: "awaited",
    fallback: true,
    compare: true,
    postgresOptional: false,
    redisOptional: false,
  },
  POSTGRES_ONLY: {
    stage: 3,
    authority: "postgres",
    mirror: "background",
    fallback: false,
    compare: false,
    postgresOptional: false,
    redisOptional: true,
  },
} as const satisfies Record<StrategyName, Strategy>;

/** The four names in the order of their stages. */
export const strategyNames = Object.keys(strategies) as StrategyName[];

/** @throws StrategyError that lists the four for anything else */
export function parseStrategy(value: unknown, source: string): StrategyName {
  if (typeof value === "string" && Object.hasOwn(strategies, value)) return value as StrategyName;
  const given = value === undefined || value === null || value === "" ? "is not set" : `is ${JSON.stringify(value)}`;
  throw new StrategyError(`The strategy from ${source} ${given}. It must be one of ${strategyNames.join(", ")}.`);
}

/** Whether processes of both strategies may run at once. */
export function areNeighbours(a: StrategyName, b: StrategyName): boolean {
  return Math.abs(strategies[a].stage - strategies[b].stage) <= 1;
}
