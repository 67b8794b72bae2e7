/** What an error of Postgres or of its driver says about the call that met it. */

/**
 * A call failed after one of its statements had been answered, so part of it may stand although its last statement certainly
 * changed nothing.
 */
export class PartlyDoneError extends Error {
  override readonly name = "PartlyDoneError";

  constructor(cause: unknown) {
    super(`Part of the call was carried out, then: ${(cause as Error)?.message ?? cause}`, { cause });
  }
}

/** Runs what is left to do of a call once one of its statements has been answered. */
export async function afterWriting<T>(rest: () => Promise<T>): Promise<T> {
  try {
    return await rest();
  } catch (error) {
    throw error instanceof PartlyDoneError ? error : new PartlyDoneError(error);
  }
}

interface DriverError {
  readonly code?: string;
  readonly severity?: string;
  readonly syscall?: string;
  readonly message?: string;
  readonly cause?: unknown;
}

/** Connections that end, servers that start, stop or are full, and transactions that lost against each other. */
const TRANSIENT_CLASSES = ["08", "40", "53", "57", "58"];
const TRANSIENT_STATES = [
  "25006", // read_only_sql_transaction: a standby, while the primary changes
  "55P03", // lock_not_available
];
const TRANSIENT_CODES = [
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT", // a Unix socket that isn't there yet
];

/** Of the data, not of the server: data exceptions, broken constraints, values too large or too deep, a trigger's own error. */
const REFUSAL_CLASSES = ["22", "23", "54", "P0"];

const NOT_SENT_CODES = ["CONNECTION_ENDED", "CONNECT_TIMEOUT", "ECONNREFUSED"];
/** Errors of looking a server up or connecting to it; with another `syscall` the connection stood. */
const NOT_SENT_WHILE_CONNECTING = ["connect", "getaddrinfo"];
/** Refused before any statement: starting up, too many connections, authentication, no such database. */
const NOT_SENT_STATES = /^(57P03|53300|28...|3D000)$/;
/** The server may have committed before it ended the connection. */
const AMBIGUOUS_STATES = /^(08...|40003|57P0[1-5])$/;

/** A full disk, a standby, a lock that others hold, a transaction that lost against others. */
const REFUSES_WRITES = /^(53100|25006|55P03|40001|40P01)$/;

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The same call may succeed a moment later. */
export function isTransient(error: unknown): boolean {
  const { code } = driverError(error);
  if (code === undefined) return false;
  if (TRANSIENT_CODES.includes(code)) return true;
  if (endedByFault(error)) return true;
  return isState(code) && (TRANSIENT_CLASSES.includes(code.slice(0, 2)) || TRANSIENT_STATES.includes(code));
}

/** The server is there and answers, but takes no writes, or not this one, at the moment. */
export function postgresRefusesWrites(error: unknown): boolean {
  const { code } = driverError(error);
  return code !== undefined && isState(code) && REFUSES_WRITES.test(code);
}

/** The call certainly never reached the server. False: it may have. */
export function wasNotSent(error: unknown): boolean {
  if (error instanceof PartlyDoneError) return false;
  const { code, syscall } = driverError(error);
  if (code === undefined) return false;
  if (NOT_SENT_CODES.includes(code) || NOT_SENT_WHILE_CONNECTING.includes(syscall ?? "")) return true;
  return isState(code) && NOT_SENT_STATES.test(code);
}

/** The call certainly changed nothing: it wasn't sent, or the server answered with an error and so rolled it back. */
export function wasNotApplied(error: unknown): boolean {
  if (error instanceof PartlyDoneError) return false;
  if (wasNotSent(error)) return true;
  const { code } = driverError(error);
  return code !== undefined && isState(code) && !AMBIGUOUS_STATES.test(code) && !endedByFault(error);
}

/** Why the server refuses the data for good, without the data itself; null for any other error. */
export function refusalReason(error: unknown): string | null {
  if (error instanceof PartlyDoneError) return null;
  const { code, message = "" } = driverError(error);
  if (code === undefined || !isState(code) || !REFUSAL_CLASSES.includes(code.slice(0, 2))) return null;
  // The message of a syntax error ends with the value that has it.
  return `${message.replace(/: ".*$/s, "")} (SQLSTATE ${code})`;
}

/** The connection is of no use after this error: it isn't the server's answer to a statement, or the server's last. */
export function endsConnection(error: unknown): boolean {
  const { code, severity } = error as { code?: string; severity?: string };
  return code === undefined || !isState(code) || severity === "FATAL" || severity === "PANIC";
}

/** The server met a fault of its own and ended the session: a full disk at its start says so, too. It says nothing of the statement. */
function endedByFault(error: unknown): boolean {
  const { code = "", severity = "" } = driverError(error);
  return code.startsWith("XX") && (severity === "FATAL" || severity === "PANIC");
}

/** A table isn't there. */
export function isMissingTable(error: unknown): boolean {
  return driverError(error).code === "42P01";
}

/** Another row has the value of a unique column. */
export function isUniqueViolation(error: unknown): boolean {
  return driverError(error).code === "23505";
}

function isState(code: string): boolean {
  return SQLSTATE.test(code) && !TRANSIENT_CODES.includes(code);
}

/** Drizzle wraps the driver's errors. */
function driverError(error: unknown): DriverError {
  if (typeof error !== "object" || error === null) return {};
  const outer = error as DriverError;
  const inner = outer.code === undefined && typeof outer.cause === "object" ? (outer.cause as DriverError) : outer;
  // Others number their codes: what a signal aborted has 20.
  return typeof inner?.code === "string" ? inner : {};
}
