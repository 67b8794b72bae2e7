/** The plan as a Mermaid flowchart, for a wiki or a pull request. */
import type { MigrationPlan, PlanStep } from "./plan.js";

/** Patterns on the left, collections with their order and priority in the middle, tables on the right. */
export function mermaid({ steps }: MigrationPlan): string {
  return [
    "flowchart LR",
    ...steps.flatMap(linesOf),
    ...steps.flatMap(({ collection, dependsOn }) =>
      dependsOn.map((before) => `  ${nodeOf(steps, before)} -.->|before| ${nodeOf(steps, collection)}`),
    ),
    "",
  ].join("\n");
}

function linesOf({ order, collection, priority, table, patterns }: PlanStep): string[] {
  const node = `c${order}`;
  return [
    ...patterns.map(({ pattern }, n) => `  k${order}_${n}["${escaped(pattern)}"] --> ${node}`),
    `  ${node}(["${order}. ${escaped(collection)} (${priority})"]) --> t${order}[("${escaped(table)}")]`,
  ];
}

function nodeOf(steps: readonly PlanStep[], collection: string): string {
  return `c${steps.find((step) => step.collection === collection)?.order}`;
}

/** Mermaid's own form for characters that mean something to it. */
function escaped(text: string): string {
  return text.replace(/[^A-Za-z0-9 :_./-]/gu, (char) => `#${char.codePointAt(0)};`);
}
