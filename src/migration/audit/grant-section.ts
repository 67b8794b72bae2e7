/** Premium grants, for revenue. */
import { columns, shares } from "../html/bars.js";
import { count } from "../html/figures.js";
import { type Html, html } from "../html/markup.js";
import { beside, section, table, titled } from "../html/page.js";
import type { PremiumGrants } from "./grant-count.js";

export function grantSection(grants: PremiumGrants): Html {
  const { keys, endingWithin } = grants;
  const amount = (name: string, value: number, fill: string) => ({ name, value, figure: count(value), fill });
  return section(
    "Premium grants",
    html`<p>${count(grants.total)} grants under ${count(keys.email + keys.ip + keys.placeholder)} keys: ${count(grants.active)} active, ${count(
      grants.expired,
    )} expired${grants.endUnknown > 0 && `, ${count(grants.endUnknown)} whose end can't be told`}${
      grants.unreadable > 0 && `, and ${count(grants.unreadable)} keys that can't be read`
    }. Of the active ones ${Object.entries(endingWithin)
      .map(([days, n]) => `${count(n)} end within ${days}`)
      .join(", ")}.</p>`,
    html`<p class="muted">A grant to an email stands under the email and under the address that it was bought from, and is counted once. ${
      keys.placeholder > 0 && `${count(keys.placeholder)} keys are for 0.0.0.0, which gives nobody access.`
    }</p>`,
    beside(
      titled(
        "Active and expired",
        shares([
          amount("active", grants.active, "good"),
          amount("expired", grants.expired, "8"),
          amount("end unknown", grants.endUnknown, "high"),
        ]),
      ),
      titled("Granted in", columns(monthsOf(grants.grantedIn).map(([month, n]) => amount(month, n, "0")))),
    ),
    table(
      ["Plan", "Active", "Expired"],
      Object.entries(grants.plans).map(([plan, n]) => [plan, count(n.active), count(n.expired)]),
    ),
  );
}

/** As many as a picture has room for. */
const MONTHS = 36;

/** The last months up to the newest that has any, those without a grant too. */
function monthsOf(grantedIn: PremiumGrants["grantedIn"]): [month: string, grants: number][] {
  const known = Object.keys(grantedIn).sort();
  const newest = known.at(-1);
  if (newest === undefined) return [];
  const last = Date.parse(`${newest}-01T00:00:00Z`);
  const months = Array.from({ length: MONTHS }, (_, n) => {
    const day = new Date(last);
    day.setUTCMonth(day.getUTCMonth() - (MONTHS - 1 - n));
    return day.toISOString().slice(0, 7);
  });
  return months.filter((month) => month >= (known[0] as string)).map((month) => [month, grantedIn[month] ?? 0]);
}
