/** An error as the operator reads it: what happened and what to do, never a password. */
import { DualWriteError } from "../errors.js";
import { isTransient } from "../stores/transient-errors.js";
import { hidePasswords } from "./masks.js";

export function explain(error: unknown): string {
  const { name, message } = error as { name?: string; message?: string };
  if (name === "AbortError") return "Stopped. Run the same command again: it goes on where it was.";
  if (error instanceof DualWriteError) return hidePasswords(error.message);
  const text = hidePasswords(`${name ?? "Error"}: ${message || String(error)}`);
  return isTransient(error)
    ? `${text}\nCheck REDIS_URL and DATABASE_URL, and that both servers answer; then run it again.`
    : text;
}
