/** Text that Postgres takes: it refuses U+0000, and UTF-8 has no form for a lone surrogate. */
export function storableText(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, "\ufffd");
}
