/** Makes what is written fit for others' eyes: no password, and nothing that names a person. */
import { createHash } from "node:crypto";

/** `scheme://user:password@host` and `?password=…` without the password. */
export function hidePasswords(text: string): string {
  return text
    .replace(/(\b\w+:\/\/[^\s:/@]*):\S*@/g, "$1:***@")
    .replace(/([?&](?:password|passwd|pass)=)[^&\s"]+/gi, "$1***");
}

/** Of a result, what stands for a person's data; a hash still tells two of them apart. */
const PRIVATE = new Set(["id", "ids", "key", "keys", "email", "ip", "token", "value", "values", "sample", "samples"]);

// Bounded, since a text without any @ would else be looked through from each of its characters to its end.
const EMAIL = /[^\s@:"'<>,;{}]{1,256}@[^\s@:"'<>,;{}]{1,256}/g;
const IPV4 = /\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b/g;
const GROUPS = "[0-9a-f]{1,4}(?::[0-9a-f]{1,4})";
/** Eight groups, or fewer around a `::`; as it stands within a key too, between other parts that colons divide. */
const IPV6 = new RegExp(`(?<!\\w)(?:${GROUPS}{7}|(?:${GROUPS}{0,6})?::(?:${GROUPS}{0,6})?)(?!\\w)`, "gi");

/** A text without passwords, emails and IP addresses; a URL's host stays. */
export function maskText(text: string): string {
  return text
    .split(/(\b\w+:\/\/\S+)/)
    .map((part, n) =>
      n % 2 === 1 ? hidePasswords(part) : part.replace(EMAIL, hash).replace(IPV4, hash).replace(IPV6, hash),
    )
    .join("");
}

/** The same for all texts of a result; what stands under a name like `key` or `value` is replaced by its hash. */
export function maskResult(result: unknown, name = ""): unknown {
  if (typeof result === "string") return PRIVATE.has(name) ? hash(result) : maskText(result);
  if (Array.isArray(result)) return result.map((one) => maskResult(one, name));
  if (typeof result !== "object" || result === null || result instanceof Date) return result;
  if (Buffer.isBuffer(result)) return hash(result.toString("latin1"));
  return Object.fromEntries(Object.entries(result).map(([key, value]) => [maskText(key), maskResult(value, key)]));
}

function hash(text: string): string {
  return `#${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
}
