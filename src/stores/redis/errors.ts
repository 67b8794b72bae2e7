/** Which of Redis's and ioredis's errors pass by themselves, and which prove that nothing was sent. */
import { NotConnectedError } from "./redis-connection.js";

const TRANSIENT = [
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "TRYAGAIN",
  "CLUSTERDOWN",
  "BUSY",
  "NOREPLICAS",
  "OOM",
  "MISCONF",
  "Connection is closed",
  "Stream isn't writeable",
  "Socket closed unexpectedly",
  "Socket timeout",
  "Command timed out",
];
const TRANSIENT_CODES = [
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
];
/** Refused by the server before anything was executed. */
const NOT_EXECUTED = ["LOADING", "READONLY", "MASTERDOWN", "OOM", "MISCONF", "NOREPLICAS", "Stream isn't writeable"];

/** The same call may succeed a moment later. */
export function isTransientRedisError(error: unknown): boolean {
  if (error instanceof NotConnectedError) return true;
  const { message = "", code = "", name = "" } = error as { message?: string; code?: string; name?: string };
  return (
    name === "MaxRetriesPerRequestError" ||
    TRANSIENT_CODES.includes(code) ||
    TRANSIENT.some((text) => message.includes(text))
  );
}

/** The call certainly changed nothing. */
export function redisDidNothing(error: unknown): boolean {
  if (error instanceof NotConnectedError) return true;
  const { message = "", code = "" } = error as { message?: string; code?: string };
  return code === "ECONNREFUSED" || NOT_EXECUTED.some((text) => message.includes(text));
}
