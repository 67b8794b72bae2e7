/** A key as a line of a backup, written in pieces and read from whatever parts the file comes in. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { dumpLine, parseDumpLine } from "../../../src/migration/backup/dump-line.js";
import { linePartsOf } from "../../../src/migration/backup/lines.js";
import type { KeyDump } from "../../../src/stores/redis/key-dumps.js";

const written = (dump: KeyDump) => Buffer.from([...dumpLine(dump)].join(""));

async function read(chunks: readonly Buffer[]): Promise<KeyDump[]> {
  const found: KeyDump[] = [];
  async function* source() {
    yield* chunks;
  }
  for await (const parts of linePartsOf(source())) found.push(parseDumpLine(parts));
  return found;
}

test("is read the same wherever it was cut", async () => {
  const dumps: KeyDump[] = [1, 2, 3, 12].map((length, n) => ({
    key: n === 0 ? Buffer.from([0xff, 0x0a]) : Buffer.from(`"dump":"\n${n}`),
    expiresAt: n === 1 ? null : 1_780_000_000_000 + n,
    dump: randomBytes(length),
  }));
  const lines = Buffer.concat(dumps.map(written));
  for (let at = 0; at <= lines.length; at++)
    expect(await read([lines.subarray(0, at), lines.subarray(at)]), `cut at ${at}`).toEqual(dumps);
  expect(await read([...lines].map((byte) => Buffer.from([byte])))).toEqual(dumps);
});

test("of a great dump is written and read in pieces", async () => {
  const dump = { key: Buffer.from("great"), expiresAt: null, dump: randomBytes(1_000_001) };
  const pieces = [...dumpLine(dump)];
  expect(pieces.length).toBeGreaterThan(3);
  const line = Buffer.from(pieces.join(""));
  const chunks = Array.from({ length: Math.ceil(line.length / 16_384) }, (_, n) =>
    line.subarray(n * 16_384, (n + 1) * 16_384),
  );
  const [found] = await read(chunks);
  expect(found?.key).toEqual(dump.key);
  expect(found?.dump.equals(dump.dump)).toBe(true);
});

test("that ends too early is refused, and so is one without a dump", async () => {
  const line = written({ key: Buffer.from("a"), expiresAt: null, dump: randomBytes(12) });
  for (let at = 1; at < line.length - 1; at++) await expect(read([line.subarray(0, at)])).rejects.toThrow(SyntaxError);
});
