/** The plan as one page. */
import { type Html, html } from "../html/markup.js";
import { badge, code, list, page, section, table, tiles } from "../html/page.js";
import { mermaid } from "./mermaid.js";
import type { MigrationPlan, PlanStep } from "./plan.js";
import { planPicture } from "./plan-picture.js";

export function planPage(plan: MigrationPlan): string {
  const { steps, ignored, prefix, zone } = plan;
  return page({
    title: "Plan of the migration",
    subtitle: html`Legacy keys begin with ${code(prefix)}; date-times without a zone are ${zone}.`,
    sections: [
      tiles([
        { name: "Tables", figure: steps.length },
        { name: "Patterns", figure: steps.flatMap(({ patterns }) => patterns).length },
        {
          name: "Critical",
          figure: steps.filter(({ priority }) => priority === "critical").length,
          remark: "goes first",
        },
      ]),
      section(
        "What goes where",
        planPicture(plan),
        html`<p class="muted">One backfill takes all of it in a single pass. Separate runs go in the order of the numbers.</p>`,
      ),
      ...steps.map(stepSection),
      section(
        "Left alone",
        table(
          ["What", "Patterns", "Why"],
          ignored.map(({ what, patterns, why }) => [what, patterns.map((one) => html`${code(one)} `), why]),
        ),
      ),
      section("As Mermaid", html`<pre class="scroll"><code>${mermaid(plan)}</code></pre>`),
    ],
  });
}

function stepSection({
  order,
  collection,
  priority,
  table: name,
  dependsOn,
  patterns,
  columns,
  syncColumns,
  rules,
}: PlanStep): Html {
  return section(
    `${order}. ${collection}`,
    html`<p>${badge(priority, priority)} to the table ${code(name)}${dependsOn.length > 0 && `, after ${dependsOn.join(", ")}`}</p>`,
    table(
      ["Pattern", "Such as", "Its row's id", "Expiry"],
      patterns.map(({ pattern, example, expiry }) => [
        code(pattern),
        example && code(example.key),
        example && code(example.id),
        expiry,
      ]),
    ),
    html`<h3>Rules</h3>`,
    list(rules),
    html`<h3>Columns</h3><p>${columns.map((column) => html`${code(column.name)} <span class="muted">${column.type}</span> · `)}${
      syncColumns.length > 0 &&
      html`<span class="muted">beside them ${syncColumns.map((column) => column.name).join(", ")}</span>`
    }</p>`,
  );
}
