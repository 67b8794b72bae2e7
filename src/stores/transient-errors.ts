/** The list of failures that pass by themselves. Everything else propagates at once. */
import { BrokenCircuitError } from "cockatiel";
import {
  isTransient as isTransientPostgresError,
  wasNotApplied as postgresDidNothing,
  postgresRefusesWrites,
} from "./postgres/errors.js";
import { isTransientRedisError, redisDidNothing, redisRefusesWrites } from "./redis/errors.js";

/** A store call didn't answer in the time it was given. Whether it was carried out is unknown. */
export class StoreTimeoutError extends Error {
  override readonly name = "StoreTimeoutError";

  /** @param waitedMs the time it was given, where that says something about the store. Milliseconds. */
  constructor(
    message: string,
    readonly waitedMs = Number.POSITIVE_INFINITY,
  ) {
    super(message);
  }
}

/** The same call may succeed a moment later. */
export function isTransient(error: unknown): boolean {
  return (
    error instanceof StoreTimeoutError ||
    error instanceof BrokenCircuitError ||
    isTransientRedisError(error) ||
    isTransientPostgresError(error)
  );
}

/** The store gave no service: what opens its circuit. One that answers and takes no writes can still be read. */
export function isOutage(error: unknown): boolean {
  return isTransient(error) && !redisRefusesWrites(error) && !postgresRefusesWrites(error);
}

/** The call certainly changed nothing, so its outcome isn't in doubt. */
export function provesNothingDone(error: unknown): boolean {
  return error instanceof BrokenCircuitError || redisDidNothing(error) || postgresDidNothing(error);
}
