import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_JSON_DEPTH, pythonJson, readPythonJson, writePythonJson } from "../../src/collections/python-json.js";
import { ValidationError } from "../../src/errors.js";

/** Made by `json.dumps` of CPython 3.11, one spelling each. */
const WRITTEN_BY_PYTHON = [
  '{"a": 1, "b": [1, 2], "c": {}, "d": []}',
  '{"name": "J\\u00f6rg \\ud83d\\ude00", "del": "\\u007f", "nul": "\\u0000"}',
  '{"lone": "\\ud800", "other": "x\\udfffy"}',
  '{"tab": "\\t", "line": "\\n", "return": "\\r", "feed": "\\f", "back": "\\b", "slash": "/", "quote": "\\"", "stroke": "\\\\"}',
  '{"big": 12345678901234567890, "bigger": -340282366920938463463374607431768211456, "safe": 9007199254740991}',
  '{"small": 1e-05, "smaller": 1.5e-07, "great": 1e+16, "greater": 1.7976931348623157e+308, "third": 0.3333333333333333}',
  '{"odd": 9007199254740994.0, "minus": -0.0, "tiny": 5e-324, "thousandth": 0.0001}',
  '[true, false, null, "", 0, -1]',
  '"text"',
];

const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
const anyJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    anyText,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt({ min: 2n ** 53n, max: 10n ** 40n }),
    fc.bigInt({ min: -(10n ** 40n), max: -(2n ** 53n) }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(anyText, tie("value"), { maxKeys: 4 }),
  ),
})).value;

describe("the legacy JSON codec", () => {
  it.each(WRITTEN_BY_PYTHON)("gives %s back byte by byte", (text) => {
    expect(writePythonJson(readPythonJson(text))).toBe(text);
  });

  it("reads back whatever it writes, and writes it again to the same bytes", () => {
    const codec = pythonJson<unknown>();
    fc.assert(
      fc.property(anyJson, (value) => {
        const bytes = codec.encode(value);
        expect(codec.decode(bytes)).toEqual(value);
        expect(codec.encode(codec.decode(bytes)).equals(bytes)).toBe(true);
      }),
    );
  });

  it("writes what every JSON reader understands alike, in printable ASCII", () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = writePythonJson(value);
        expect(text).toMatch(/^[ -~]*$/);
        expect(() => JSON.parse(text)).not.toThrow();
      }),
    );
  });

  it("keeps great integers through a change of another field", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (number) => {
        const changed = { ...(readPythonJson(`{"id": ${number}, "role": "a"}`) as object), role: "b" };
        expect(writePythonJson(changed)).toBe(`{"id": ${number}, "role": "b"}`);
      }),
    );
  });

  it("reads integers that fit as numbers, and only others as bigint", () => {
    expect(readPythonJson("[9007199254740991, 9007199254740992, -9007199254740993, 0.12345678901234567890]")).toEqual([
      9007199254740991,
      9007199254740992n,
      -9007199254740993n,
      0.12345678901234568,
    ]);
  });

  it("leaves long digits inside of texts alone", () => {
    expect(readPythonJson('{"url": "https://x.com/1234567890123456789 \\"1e999\\"", "n": 1}')).toEqual({
      url: 'https://x.com/1234567890123456789 "1e999"',
      n: 1,
    });
  });

  it("keeps a key named __proto__ as a key", () => {
    for (const text of ['{"__proto__": {"a": 1}}', '{"__proto__": {"a": 12345678901234567890}}']) {
      expect(writePythonJson({ ...(readPythonJson(text) as object) })).toBe(text);
    }
  });

  it.each([
    ["an empty value", "", /empty/],
    ["blanks", "  ", /empty/],
    ["truncated JSON", '{"email": "ann@exam', /ends too early/],
    ["truncated JSON between members", '{"a": 1, ', /ends too early/],
    ["NaN", '{"a": NaN}', /unexpected character/],
    ["Infinity", '{"a": -Infinity}', /./],
    ["a number beyond a double", '{"a": 1e999}', /too large/],
    ["another number beyond a double", `{"a": 1${"0".repeat(400)}.0}`, /too large/],
    ["a repeated key", '{"a": 1, "b": {"c": 1, "c": 2}}', /same key twice/],
    ["a repeated key with the same value", '{"a": 1, "a": 1}', /same key twice/],
    ["a repeated key in two spellings", '{"a": 1, "\\u0061": 2}', /same key twice/],
    [
      "a repeated key beside a great integer",
      '{"a": 12345678901234567890, "a": 12345678901234567890}',
      /same key twice/,
    ],
    ["a text after the value", "{} x", /unexpected character/],
    ["single quotes", "{'a': 1}", /unexpected character/],
    ["too deep nesting", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, /levels deep/],
  ])("refuses %s", (_, text, message) => {
    expect(() => readPythonJson(text)).toThrow(SyntaxError);
    expect(() => readPythonJson(text)).toThrow(message);
  });

  it("refuses bytes that aren't UTF-8", () => {
    expect(() => pythonJson().decode(Buffer.from([0x22, 0xff, 0x22]))).toThrow();
  });

  it("never quotes a value in an error", () => {
    for (const text of [
      '{"email": "ann@example.org',
      '{"email": "ann@example.org"} ann@',
      '{"ann@example.org": 1, "ann@example.org": 2}',
    ]) {
      expect(() => readPythonJson(text)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining("ann") }),
      );
    }
  });

  it("fails by a SyntaxError and nothing else, whatever it is given", () => {
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      '"',
      "\\",
      "a",
      "1",
      "12345678901234567",
      "e999",
      " ",
      "\\u00",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        try {
          readPythonJson(parts.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["NaN", { a: Number.NaN }, "a"],
    ["Infinity", { a: [1, Number.POSITIVE_INFINITY] }, "a.1"],
    ["a Date", { at: new Date(0) }, "at"],
    ["a Map", { a: { b: new Map() } }, "a.b"],
    ["a function", { a: () => 1 }, "a"],
    ["undefined alone", undefined, ""],
  ])("refuses to write %s, naming where it stands", (_, value, path) => {
    try {
      writePythonJson(value);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ValidationError);
      expect((error as ValidationError).issues[0]?.path).toBe(path);
    }
  });

  it("refuses to write a value that contains itself", () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(() => writePythonJson(loop)).toThrow(/contains itself/);
  });

  it("writes nesting up to its limit, and reads it", () => {
    const text = `${"[".repeat(MAX_JSON_DEPTH)}${"]".repeat(MAX_JSON_DEPTH)}`;
    expect(writePythonJson(readPythonJson(text))).toBe(text);
    expect(() => readPythonJson(`[${text}]`)).toThrow(/levels deep/);
  });

  it("leaves out properties that are undefined", () => {
    expect(writePythonJson({ a: undefined, b: [undefined, 1] })).toBe('{"b": [null, 1]}');
  });
});
