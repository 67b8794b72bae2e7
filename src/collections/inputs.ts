/** Checks of what callers name people by. */
import { ValidationError } from "../errors.js";
import { addressIssue, knownAddress } from "./addresses.js";
import { emailIssue, normaliseEmail } from "./emails.js";
import { MAX_IDENTIFIER_LENGTH } from "./typed-columns.js";

/** @throws ValidationError with one issue */
export function refuse(path: string, message: string): never {
  throw new ValidationError([{ path, message }]);
}

/** A text that can stand in a key and be looked for. @throws ValidationError */
export function requireName(value: unknown, path: string): string {
  if (typeof value !== "string" || value.trim() === "") refuse(path, "a text that isn't blank is needed");
  if (value.length > MAX_IDENTIFIER_LENGTH)
    refuse(path, `a text of at most ${MAX_IDENTIFIER_LENGTH} characters is needed`);
  if (/[\0\p{Surrogate}]/u.test(value)) refuse(path, "a text without NUL and lone surrogates is needed");
  return value;
}

/** As requireName, but null for what wasn't given: undefined, null or blank. @throws ValidationError */
export function optionalName(value: unknown, path: string): string | null {
  const absent = value === undefined || value === null || (typeof value === "string" && value.trim() === "");
  return absent ? null : requireName(value, path);
}

/** The email, normalised; null for what wasn't given. @throws ValidationError for what can't be an email */
export function optionalEmail(value: unknown, path = "email"): string | null {
  const given = optionalName(value, path);
  if (given === null) return null;
  const issue = emailIssue(given);
  if (issue !== null) refuse(path, issue);
  return normaliseEmail(given);
}

/** The address; null for what wasn't given, and for the placeholder. @throws ValidationError for what is no IP address */
export function optionalAddress(value: unknown, path = "ip"): string | null {
  const text = optionalName(value, path);
  if (text === null) return null;
  const issue = addressIssue(text);
  if (issue !== null) refuse(path, issue);
  return knownAddress(text);
}

/** @throws ValidationError unless it is a plain object */
export function requireObject(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(path, "an object is needed");
  return value as Readonly<Record<string, unknown>>;
}
