/** Redis's MATCH for tests: `*`, `?`, `[abc]` and `[0-9]`, and a backslash that takes a character's meaning. */
export function globMatches(glob: string, text: string): boolean {
  const source = glob.replace(/\\(.)|(\[[^\]]*\])|([\s\S])/gu, (_, escaped?: string, set?: string, plain?: string) => {
    if (set !== undefined) return set;
    if (plain === "*") return "[\\s\\S]*";
    if (plain === "?") return "[\\s\\S]";
    return (escaped ?? plain ?? "").replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  });
  return new RegExp(`^${source}$`).test(text);
}
