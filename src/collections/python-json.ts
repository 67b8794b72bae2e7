/** The legacy form of a value: JSON as Python's `json.dumps` writes it, read without losing a digit. */
import { parse as parseLossless } from "lossless-json";
import { type Codec, decodeUtf8 } from "../engine/codec.js";
import { ValidationError } from "../errors.js";

/** Deeper values are refused: Python's own reader gives up at about a thousand levels, and recursion here must end. */
export const MAX_JSON_DEPTH = 512;

/**
 * Writes what `json.dumps(value)` would (`", "`, `": "`, ASCII only) and reads any JSON text.
 *
 * Whole numbers beyond 2^53 are read as `bigint` and written with all their digits; other numbers keep their value, though
 * not their spelling (`1.0` is written as `1`). Object keys keep their order but for those that look like array indexes.
 *
 * `decode` throws a SyntaxError that never quotes the text, since errors are logged and values tell of people.
 *
 * @throws ValidationError from `encode`, for what JSON has no form for: NaN, Infinity, a Date, a Map, a function.
 */
export function pythonJson<T>(): Codec<T> {
  return {
    encode: (value) => Buffer.from(writePythonJson(value), "latin1"),
    // What the value really is, the collection's schema checks.
    decode: (bytes) => readPythonJson(decodeUtf8(bytes)) as T,
  };
}

/** Reads JSON text. @throws SyntaxError for what isn't JSON, repeats a key, overflows a number or is nested too deeply. */
export function readPythonJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(describeSyntaxError(text, error as Error));
  }
  const layout = layoutOf(text);
  if (countMembers(value, 0) !== layout.members) throw new SyntaxError("an object has the same key twice");
  return layout.exactNumbers ? parseLossless(text, undefined, { parseNumber: exactNumber }) : value;
}

/** V8's message without what it quotes of the text. For a short text it tells no position. */
function describeSyntaxError(text: string, { message }: Error): string {
  if (text.trim() === "") return "the value is empty";
  const position = Number(/ in JSON at position (\d+)/.exec(message)?.[1]);
  if (/^Unexpected end|^Unterminated/.test(message) || position >= text.length) {
    return `not JSON: it ends too early, after ${text.length} characters`;
  }
  return `not JSON: unexpected character${Number.isNaN(position) ? "" : ` at position ${position} of ${text.length}`}`;
}

/** Digits that a double may not hold, or an exponent that it may overflow on. */
const PERHAPS_INEXACT = /\d{16}|[eE]\+?\d{3}/;

/**
 * What JSON.parse doesn't tell of a valid text: how many members its objects have (a repeated key vanishes from the value),
 * and whether a number needs the slow, exact reader. Strings are skipped: URLs of posts are full of long digits.
 */
function layoutOf(text: string): { members: number; exactNumbers: boolean } {
  const suspicious = PERHAPS_INEXACT.test(text);
  let members = 0;
  let exactNumbers = false;
  let from = 0;
  for (;;) {
    const open = text.indexOf('"', from);
    if (suspicious && !exactNumbers)
      exactNumbers = PERHAPS_INEXACT.test(text.slice(from, open < 0 ? text.length : open));
    if (open < 0) return { members, exactNumbers };
    from = endOfString(text, open) + 1;
    if (isMemberName(text, from)) members++;
  }
}

const SPACE = 0x20;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

function endOfString(text: string, open: number): number {
  let close = open;
  for (;;) {
    close = text.indexOf('"', close + 1);
    let before = close - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((close - before) % 2 === 1) return close;
  }
}

/** The text is JSON, so that nothing but its four kinds of blank can stand there. */
function isMemberName(text: string, after: number): boolean {
  let at = after;
  while (text.charCodeAt(at) <= SPACE) at++;
  return text.charCodeAt(at) === COLON;
}

function countMembers(value: unknown, depth: number): number {
  if (typeof value !== "object" || value === null) return 0;
  if (depth >= MAX_JSON_DEPTH) throw new SyntaxError(`nested more than ${MAX_JSON_DEPTH} levels deep`);
  const inner = Array.isArray(value) ? value : Object.values(value);
  let members = Array.isArray(value) ? 0 : inner.length;
  for (const item of inner) members += countMembers(item, depth + 1);
  return members;
}

function exactNumber(source: string): number | bigint {
  const number = Number(source);
  if (/^-?\d+$/.test(source)) return Number.isSafeInteger(number) ? number : BigInt(source);
  if (!Number.isFinite(number)) throw new SyntaxError("a number is too large for a double");
  return number;
}

/** Writes a value as `json.dumps` does. @throws ValidationError naming the path of what JSON has no form for. */
export function writePythonJson(value: unknown): string {
  return write(value, []);
}

function write(value: unknown, path: (string | number)[]): string {
  switch (typeof value) {
    case "string":
      return writeString(value);
    case "number":
      return writeNumber(value, path);
    case "bigint":
    case "boolean":
      return String(value);
    case "object":
      return value === null ? "null" : writeContainer(value, path);
    default:
      throw unwritable(
        path,
        `JSON has no form for ${typeof value === "undefined" ? "undefined" : `a ${typeof value}`}`,
      );
  }
}

function writeContainer(value: object, path: (string | number)[]): string {
  if (path.length >= MAX_JSON_DEPTH)
    throw unwritable([], `nested more than ${MAX_JSON_DEPTH} levels deep, or it contains itself`);
  const parts: string[] = [];
  const add = (key: string | number, item: unknown, before: string) => {
    path.push(key);
    parts.push(before + write(item, path));
    path.pop();
  };
  if (Array.isArray(value)) {
    // As JSON.stringify does: a hole in an array is null, a property that is undefined is left out.
    for (const [at, item] of value.entries()) add(at, item ?? null, "");
    return `[${parts.join(", ")}]`;
  }
  if (value instanceof Date) throw unwritable(path, "a Date has to be formatted first, such as 2026-11-20T09:30:00");
  if (!isPlainObject(value))
    throw unwritable(path, `JSON has no form for a ${value.constructor?.name ?? "class instance"}`);
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) add(key, item, `${writeString(key)}: `);
  }
  return `{${parts.join(", ")}}`;
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  // Not compared with Object.prototype: an object of another realm is as plain.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function unwritable(path: readonly (string | number)[], message: string): ValidationError {
  return new ValidationError([{ path: path.slice(0, 8).join("."), message }]);
}

const NEEDS_ESCAPE = /[^ !#-[\]-~]/;
const NOT_PRINTABLE_ASCII = /[^ -~]/g;

/** JSON.stringify already escapes quotes, backslashes, control characters and lone surrogates exactly as Python does. */
function writeString(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(
    NOT_PRINTABLE_ASCII,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Whole numbers as Python's int; all others as Python's float, which turns to exponents at other sizes than JavaScript. */
function writeNumber(value: number, path: (string | number)[]): string {
  if (!Number.isFinite(value)) throw unwritable(path, `JSON has no form for ${value}`);
  if (Object.is(value, -0)) return "-0.0";
  if (Number.isSafeInteger(value)) return String(value);
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16) return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
