/** The fields of the legacy hash `usage:stats`, taken apart for the table `analytics_timeseries`. */

/** The hash's key. */
export function usageStatsKey(prefix: string): string {
  return `${prefix}usage:stats`;
}

/**
 * `threads_2026-11-20` is the metric `threads` in the bucket `2026-11-20`; a field without a date is a metric in the empty bucket.
 * Joined by `_` the two give the field again.
 */
export function parseStatsField(field: string): { metric: string; bucket: string } {
  const match = /^(.+)_(\d{4}-\d{2}(?:-\d{2})?)$/s.exec(field);
  return match ? { metric: match[1] as string, bucket: match[2] as string } : { metric: field, bucket: "" };
}
