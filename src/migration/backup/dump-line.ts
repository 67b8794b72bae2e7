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
const END = '"}';

/**
 * `parts`: a line in the parts in which it was read. They are taken one by one, so that a great dump doesn't stand in memory twice.
 * @throws SyntaxError
 */
export function parseDumpLine(parts: Buffer[]): KeyDump {
  let head: Buffer = Buffer.alloc(0);
  let at = -1;
  // In a key its quotes would be escaped.
  for (let part = parts.shift(); part; part = at < 0 ? parts.shift() : undefined) {
    head = Buffer.concat([head, part]);
    at = head.indexOf(DUMP);
  }
  if (at < 0) throw new SyntaxError("A line of the backup has no dump.");
  const { key, keyBase64, expiresAt } = JSON.parse(`${head.toString("utf8", 0, at - 1)}}`) as {
    key?: string;
    keyBase64?: string;
    expiresAt: number | null;
  };
  const name = key === undefined ? Buffer.from(keyBase64 ?? "", "base64") : Buffer.from(key);
  parts.unshift(head.subarray(at + DUMP.length));
  return { key: name, expiresAt, dump: decode(parts) };
}

/** Base64 and then the line's end. */
function decode(parts: Buffer[]): Buffer {
  const most = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = Buffer.allocUnsafe(Math.ceil((most * 3) / 4));
  let length = 0;
  let text = "";
  for (let part = parts.shift(); part; part = parts.shift()) {
    text += part.toString("latin1");
    const whole = Math.floor(Math.max(0, text.length - END.length) / 4) * 4;
    length += bytes.write(text.slice(0, whole), length, "base64");
    text = text.slice(whole);
  }
  if (text !== END) throw new SyntaxError("A line of the backup ends within its dump.");
  return bytes.subarray(0, length);
}
