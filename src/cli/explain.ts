/** An error as the operator reads it: what happened and what to do, never a password. */
import { DualWriteError } from "../errors.js";
import { isTransient } from "../stores/transient-errors.js";
import { hidePasswords } from "./masks.js";

export function explain(error: unknown): string {
  const { name, message } = error as { name?: string; message?: string };
  if (name === "AbortError") return "Stopped. Nothing is left half-done: run the same command again.";
  if (error instanceof DualWriteError) return hidePasswords(error.message);
  const text = hidePasswords(`${name ?? "Error"}: ${message || String(error)}`);
  if (isForbidden(error))
    return `${text}\nThe user may not do this. \`dual-write doctor --privileges\` prints the rights that suffice, as commands to copy.`;
  return isTransient(error)
    ? `${text}\nCheck REDIS_URL and DATABASE_URL, and that both servers answer; then run it again.`
    : text;
}

/** Redis says so in words, Postgres by a code; drivers and Drizzle hand it on as a cause. */
function isForbidden(error: unknown): boolean {
  const { message = "", code, cause } = error as { message?: string; code?: unknown; cause?: unknown };
  return message.startsWith("NOPERM") || code === "42501" || (cause instanceof Error && isForbidden(cause));
}
