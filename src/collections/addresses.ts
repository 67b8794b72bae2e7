/**
 * IP addresses as the legacy keys hold them: as the program saw them, with nothing rewritten. A key that was written for
 * `2001:DB8::1` is found only by exactly that text, so the library doesn't bring addresses to one spelling either.
 */
import { isIP } from "node:net";

/** What programs wrote that had no address. Shared by unrelated people, so it stands for nobody. */
export const PLACEHOLDER_ADDRESS = "0.0.0.0";

/** True for the placeholder in each of its spellings, IPv6 included: `0.0.0.0`, `::`, `::ffff:0.0.0.0`. */
export function isPlaceholderAddress(ip: string): boolean {
  const text = ip.trim();
  if (isIP(text) !== 6) return text === PLACEHOLDER_ADDRESS;
  // A URL's host is the short spelling; it can't hold the zone that may follow a %.
  const host = new URL(`http://[${text.replace(/%.*$/, "")}]/`).hostname;
  return host === "[::]" || host === "[::ffff:0:0]";
}

/** The address without blanks around it; null where there is none: nothing given, or the placeholder. */
export function knownAddress(ip: string | null | undefined): string | null {
  const text = ip?.trim() ?? "";
  return text === "" || isPlaceholderAddress(text) ? null : text;
}

/** What is wrong with an address that is to be written or asked for, null if nothing. */
export function addressIssue(ip: unknown): string | null {
  if (typeof ip !== "string") return "an IP address is a text";
  return isIP(ip.trim()) === 0 ? "neither an IPv4 nor an IPv6 address; leave out the port and brackets" : null;
}
