/** Text as lines, each without its newline and still in bytes: a long one needn't become a string. Only a newline ends one: `readline` would also split at others that data may hold. */

const NEWLINE = 0x0a;

export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  for await (const parts of linePartsOf(chunks)) yield joined(parts);
}

/** The same, each in the parts in which it came, which are the caller's: a long line needn't stand in memory twice. */
export async function* linePartsOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[], void, undefined> {
  let parts: Buffer[] = [];
  /** Not kept here: who has them may let them go one by one. */
  const take = () => {
    const all = parts;
    parts = [];
    return all;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, end));
      yield take();
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length > 0) yield take();
}

/** Takes all of them. */
function joined(parts: Buffer[]): Buffer {
  const line = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  parts.length = 0;
  return line;
}
