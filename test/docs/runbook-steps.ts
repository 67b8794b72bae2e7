/** The runbook as steps: its shell blocks in their order, with the heading that each stands under and what its comment says of it. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const RUNBOOK = fileURLToPath(new URL("../../docs/runbook.md", import.meta.url));

export type Step =
  | {
      readonly kind: "shell";
      readonly heading: string;
      readonly line: number;
      readonly code: string;
      readonly exits: readonly number[];
    }
  /** `<!-- test: deploy -->`: something that the reader does without a command. */
  | { readonly kind: "deed"; readonly heading: string; readonly line: number; readonly name: string };

export function readSteps(): Step[] {
  const lines = readFileSync(RUNBOOK, "utf8").split("\n");
  const steps: Step[] = [];
  let heading = "";
  let exits = [0];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const said = /^<!-- (exits with|test:) (.+) -->$/.exec(line);
    if (said?.[1] === "test:") steps.push({ kind: "deed", heading, line: i + 1, name: said[2] as string });
    if (said?.[1] === "exits with") exits = (said[2] as string).split(" or ").map(Number);
    if (/^#+ /.test(line)) heading = line.replace(/^#+ /, "");
    if (line !== "```sh") continue;
    const end = lines.indexOf("```", i);
    steps.push({ kind: "shell", heading, line: i + 1, code: lines.slice(i + 1, end).join("\n"), exits });
    exits = [0];
    i = end;
  }
  return steps;
}

/** The headings of the sections. */
export function readHeadings(): string[] {
  return [...readFileSync(RUNBOOK, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading as string);
}
