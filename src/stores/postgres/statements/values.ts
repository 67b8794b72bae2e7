/** Many values as one parameter: read once, not as an element of an array each. */
import { numberArray } from "../sql-text.js";

/** For `$n::int[]`, `$m::int[]` and a text that {@link valueSql} reads: where each begins, how long it is, and all of them. */
export function valueParameters(values: readonly (Buffer | null)[]): [starts: string, lengths: string, bytes: string] {
  const starts = new Array<number>(values.length);
  const lengths = new Array<number | null>(values.length);
  const held: Buffer[] = [];
  let from = 1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as Buffer | null;
    starts[i] = from;
    lengths[i] = value === null ? null : value.length;
    if (value === null) continue;
    held.push(value);
    from += value.length;
  }
  const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
  return [numberArray(starts), numberArray(lengths), all.toString("base64")];
}

/** The value of a row with `start` and `length`; null where the length is. The parameter is decoded once for the statement. */
export function valueSql(parameter: string, row: string): string {
  return `substring((SELECT decode(${parameter}::text, 'base64')) FROM ${row}.start FOR ${row}.length)`;
}
