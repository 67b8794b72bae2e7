/** Legacy keys that name an email in another spelling than the library does. */
import { normaliseEmail } from "./emails.js";
import { holderOfKey, parseHolder } from "./subscriptions.js";
import { parseUsageId, usageId, usageOfKey } from "./usage.js";
import { emailOfKey } from "./users.js";

/** The record or counter that a variant's content belongs to. */
export interface Variant {
  readonly collection: "users" | "subscriptions" | "usage";
  readonly id: string;
}

/**
 * What a legacy key belongs to whose email isn't normalised, such as `threadr:email:Ann@Example.org`; null for every other
 * key. No collection's `parseKey` knows such a key: the migration merges what it holds into the record or counter named here.
 */
export function variantOf(key: string, prefix: string): Variant | null {
  const email = emailOfKey(key, prefix);
  if (email !== null) return variant("users", email, (normal) => normal);

  const holder = parseHolder(holderOfKey(key, prefix) ?? "");
  if (holder?.kind === "email") return variant("subscriptions", holder.name, (normal) => `email:${normal}`);

  const counter = parseUsageId(usageOfKey(key, prefix) ?? "");
  if (counter?.kind === "email")
    return variant("usage", counter.subject, (normal) => usageId({ ...counter, subject: normal }));
  return null;
}

function variant(collection: Variant["collection"], email: string, id: (normal: string) => string): Variant | null {
  const normal = normaliseEmail(email);
  return normal === "" || normal === email ? null : { collection, id: id(normal) };
}
