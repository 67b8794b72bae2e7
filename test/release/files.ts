/** The project's YAML files, parsed strictly. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** @throws Error for anything that a strict parser objects to, a key that occurs twice too */
// biome-ignore lint/suspicious/noExplicitAny: what is expected of it is said by the tests
export function readYaml(path: string): any {
  const document = parseDocument(readFileSync(`${ROOT}${path}`, "utf8"), {
    strict: true,
    uniqueKeys: true,
    merge: true,
  });
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) throw new Error(`${path}: ${problems.map(({ message }) => message).join("; ")}`);
  return document.toJS();
}
