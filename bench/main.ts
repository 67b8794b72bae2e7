/** `npm run bench [-- facade] [--quick] [--json] [--only PATTERN]` */
import { parseArgs } from "node:util";
import type { Comparison } from "./compare.js";
import { benchFacade } from "./facade/facade.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const BENCHES = ["facade"] as const;
const unknown = positionals.filter((name) => !(BENCHES as readonly string[]).includes(name));
if (values.help || unknown.length > 0) {
  const text = `npm run bench -- [${BENCHES.join("|")}] [--quick] [--json] [--only PATTERN]\n`;
  (values.help ? process.stdout : process.stderr).write(
    unknown.length > 0 ? `Unknown: ${unknown.join(", ")}\n${text}` : text,
  );
  process.exit(values.help ? 0 : 2);
}

const turns = values.quick ? { count: 3, ms: 700 } : { count: 7, ms: 2000 };
const tell = ({ name, against, inFlight, ours, theirs, ratio, lowest, highest, aim }: Comparison) => {
  const verdict = aim === null ? "" : ratio >= aim ? "  reached" : "  falls short";
  process.stderr.write(
    `${`${name} / ${against}`.padEnd(64)} ${String(inFlight).padStart(4)}  ${String(ours).padStart(7)} / ${String(theirs).padStart(7)} a second  ${ratio.toFixed(2)} (${lowest.toFixed(2)} to ${highest.toFixed(2)})  aim ${aim ?? "-"}${verdict}\n`,
  );
};
const results = await benchFacade(turns, tell, values.only ? new RegExp(values.only) : undefined);
if (values.json)
  process.stdout.write(
    `${JSON.stringify({ date: new Date().toISOString(), node: process.version, results }, null, 2)}\n`,
  );
