/** How a key appears in a report: masked, or as it is with what a terminal or a page would stumble over made visible. */

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";

/** Longer ones are cut. Characters. */
const LONGEST = 200;

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/gu;
const NOT_ASCII = /[^ -[\]-~]/g;

/** The pattern and a hash that tells two keys apart, or the key itself. */
export function labelOf(key: Buffer, pattern: string, showPersonal: boolean): string {
  if (!showPersonal) return `${pattern} #${createHash("sha256").update(key).digest("hex").slice(0, 12)}`;
  // Bytes that are no text are shown one by one.
  const [text, unseen] = isUtf8(key) ? [key.toString(), UNSEEN] : [key.toString("latin1"), NOT_ASCII];
  const shown = text.replace(unseen, escaped);
  return shown.length <= LONGEST
    ? shown
    : `${shown.slice(0, LONGEST).replace(/[\ud800-\udbff]$/, "")}… (${key.length} bytes)`;
}

function escaped(char: string): string {
  const code = char.codePointAt(0) as number;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

const EMAIL = /[^\s@"'<>(),:;]+@[^\s@"'<>(),;]+/g;
const ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}\b/gi;
/** Long runs of letters with digits among them: ids, tokens, hashes. */
const TOKEN = /\b(?=[\w-]*\d)[\w-]{16,}\b/g;

/** A text that came from data without the emails, addresses and tokens in it. */
export function withoutPersonal(text: string): string {
  return text.replace(EMAIL, "***").replace(ADDRESS, "***").replace(TOKEN, "***");
}
