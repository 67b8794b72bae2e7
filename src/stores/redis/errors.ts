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
/** Of a server that answers and takes no writes: a replica, a full one, one that can't keep them. */
const REFUSES_WRITES = ["READONLY", "OOM", "MISCONF", "NOREPLICAS"];
/** Refused by the server before anything was executed. */
const NOT_EXECUTED = ["LOADING", "MASTERDOWN", ...REFUSES_WRITES, "Stream isn't writeable"];

/** The server is there and answers, but takes no writes at the moment. */
export function redisRefusesWrites(error: unknown): boolean {
  const { message = "" } = error as { message?: string };
  return REFUSES_WRITES.some((text) => message.includes(text));
}

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
