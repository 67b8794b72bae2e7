/** A key of Redis as a line of JSON: `{"key":"a","expiresAt":null,"dump":"base64"}`. */
import { isUtf8 } from "node:buffer";
import type { KeyDump } from "../../stores/redis/key-dumps.js";

export function dumpLine({ key, expiresAt, dump }: KeyDump): string {
  // A key needn't be text.
  const name = isUtf8(key) ? { key: key.toString() } : { keyBase64: key.toString("base64") };
  return `${JSON.stringify({ ...name, expiresAt, dump: dump.toString("base64") })}\n`;
}

/** @throws SyntaxError */
export function parseDumpLine(line: string): KeyDump {
  const { key, keyBase64, expiresAt, dump } = JSON.parse(line) as {
    key?: string;
    keyBase64?: string;
    expiresAt: number | null;
    dump: string;
  };
  const name = key === undefined ? Buffer.from(keyBase64 ?? "", "base64") : Buffer.from(key);
  return { key: name, expiresAt, dump: Buffer.from(dump, "base64") };
}
