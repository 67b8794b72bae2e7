/** A key as people, and the rejects list, are told it. */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";

/** Keys that are no text, and so alike once they are read as one, are told apart by a hash of their bytes. */
export function keyText(key: Buffer): string {
  if (isUtf8(key)) return key.toString();
  return `${key.toString()}…${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
}
