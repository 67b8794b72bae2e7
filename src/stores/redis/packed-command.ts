/**
 * A command written to the socket as one flat buffer. The driver joins a command's arguments piece by piece, which costs more than
 * the round trip once there are hundreds of them.
 */
import { Command } from "ioredis";

export type Argument = string | number | Buffer;

/** Its replies are Buffers. */
export class PackedCommand extends Command {
  readonly #packed: Buffer;

  constructor(name: string, args: readonly Argument[]) {
    // What the driver knows of the arguments is for its error messages and for routing.
    super(name, args.slice(0, 3) as (string | Buffer)[], { replyEncoding: null });
    this.#packed = pack(name, args);
  }

  override toWritable(): Buffer {
    return this.#packed;
  }
}

/** The protocol's form: `*count`, then for each part `$length` and its bytes. */
export function pack(name: string, args: readonly Argument[]): Buffer {
  const parts = new Array<string>(args.length * 2 + 4);
  let at = 0;
  parts[at++] = `*${args.length + 1}`;
  parts[at++] = header(name.length);
  parts[at++] = name;
  for (const arg of args) {
    const bytes = byteString(arg);
    parts[at++] = header(bytes.length);
    parts[at++] = bytes;
  }
  parts[at] = "";
  return Buffer.from(parts.join("\r\n"), "latin1");
}

/** A character for each byte. */
function byteString(arg: Argument): string {
  if (typeof arg === "number") return String(arg);
  if (typeof arg !== "string") return arg.toString("latin1");
  return Buffer.byteLength(arg) === arg.length ? arg : Buffer.from(arg).toString("latin1");
}

const HEADERS = Array.from({ length: 1024 }, (_, length) => `$${length}`);

function header(length: number): string {
  return HEADERS[length] ?? `$${length}`;
}
