/** Moments between JavaScript's milliseconds and timestamptz(3), exactly. */

export function toTimestamp(milliseconds: string): string {
  return `to_timestamp(${milliseconds}::double precision / 1000)`;
}

export function toMilliseconds(timestamp: string): string {
  return `(extract(epoch FROM ${timestamp}) * 1000)::bigint`;
}

/** bigint arrives as text. */
export function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
