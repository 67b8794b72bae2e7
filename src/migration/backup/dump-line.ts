/** A key of Redis as a line of JSON: `{"key":"a","expiresAt":null,"dump":"base64"}`. */
import { isUtf8 } from "node:buffer";
import type { KeyDump } from "../../stores/redis/key-dumps.js";

/** Bytes of a dump to turn into text at once: a great value would else stand in memory several times. Divisible by 3. */
const SLICE = 3 << 16;

/** In pieces. */
export function* dumpLine({ key, expiresAt, dump }: KeyDump): Generator<string, void, undefined> {
  // A key needn't be text.
  const name = isUtf8(key) ? { key: key.toString() } : { keyBase64: key.toString("base64") };
  let text = `${JSON.stringify({ ...name, expiresAt }).slice(0, -1)},"dump":"`;
  for (let from = 0; from < dump.length; from += SLICE) {
    text += dump.toString("base64", from, from + SLICE);
    if (from + SLICE >= dump.length) break;
    yield text;
    text = "";
  }
  yield `${text}"}\n`;
}

const DUMP = '"dump":"';
/** Bytes of base64 to read at once. Divisible by 4. */
const READ = 1 << 18;

/** @throws SyntaxError */
export function parseDumpLine(line: Buffer): KeyDump {
  // In a key its quotes would be escaped.
  const at = line.indexOf(DUMP);
  if (at < 0 || !line.subarray(-2).equals(Buffer.from('"}')))
    throw new SyntaxError("A line of the backup has no dump.");
  const { key, keyBase64, expiresAt } = JSON.parse(`${line.toString("utf8", 0, at - 1)}}`) as {
    key?: string;
    keyBase64?: string;
    expiresAt: number | null;
  };
  const name = key === undefined ? Buffer.from(keyBase64 ?? "", "base64") : Buffer.from(key);
  return { key: name, expiresAt, dump: fromBase64(line.subarray(at + DUMP.length, -2)) };
}

function fromBase64(text: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(Math.ceil((text.length * 3) / 4));
  let length = 0;
  for (let from = 0; from < text.length; from += READ)
    length += bytes.write(text.toString("latin1", from, from + READ), length, "base64");
  return bytes.subarray(0, length);
}
