/** One spelling for each email address. */

/** Longer ones can't be delivered to (64 for the name, 255 for the domain), nor indexed safely. Characters. */
export const MAX_EMAIL_LENGTH = 320;

/** The spelling under which a person is kept: without blanks around it, in lower case. */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase();
}

export function isNormalisedEmail(email: string): boolean {
  return email !== "" && normaliseEmail(email) === email;
}

/**
 * What is wrong with an email that somebody wants to write, null if nothing. Deliberately lenient: only what could never be
 * an address, or would break a key, is refused.
 */
export function emailIssue(email: unknown): string | null {
  if (typeof email !== "string" || email.trim() === "") return "an email address is needed";
  const trimmed = email.trim();
  if (trimmed.length > MAX_EMAIL_LENGTH) return `an email address has at most ${MAX_EMAIL_LENGTH} characters`;
  if (/[\p{Cc}\p{Surrogate}]/u.test(trimmed)) return "an email address has no control characters";
  return /^.+@.+$/u.test(trimmed) ? null : "an email address has an @ with something on both sides";
}
