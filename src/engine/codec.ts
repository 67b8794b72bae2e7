/** How a collection's values become bytes in Redis and come back. */
import { isUtf8 } from "node:buffer";

/** Turns values into the bytes that stand in Redis and back. `decode` throws on bytes it can't read. */
export interface Codec<T> {
  encode(value: T): Buffer;
  decode(bytes: Buffer): T;
}

const BOM = "\ufeff";

/** UTF-8 text; @throws TypeError for bytes that aren't. */
export function decodeUtf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new TypeError("not valid UTF-8");
  const text = bytes.toString();
  return text.startsWith(BOM) ? text.slice(1) : text;
}

/** Plain JSON as `JSON.stringify` writes it. */
export const jsonCodec: Codec<unknown> = {
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (bytes) => {
    const text = decodeUtf8(bytes);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // The parser's own message quotes the value.
      throw new SyntaxError("not valid JSON");
    }
  },
};
