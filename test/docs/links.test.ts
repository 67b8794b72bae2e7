/** Links in what the package brings along lead to what it brings along, and to headings that are there. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

let packed: string[];

beforeAll(async () => {
  const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    maxBuffer: 2 ** 24,
  });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  packed = files.map(({ path }) => path);
});

const read = (path: string) => readFileSync(`${ROOT}${path}`, "utf8");

/** Outside of code, where brackets mean something else. */
function linksOf(path: string): string[] {
  const text = read(path)
    .replaceAll(/^```[\s\S]*?^```/gm, "")
    .replaceAll(/`[^`\n]*`/g, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link as string).filter((link) => !/^\w+:/.test(link));
}

/** As the usual renderers name them. */
function anchorsOf(path: string): string[] {
  const headings = [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading as string);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("every relative link of the package's documents leads to a file or folder in the package, and to a heading", () => {
  const documents = packed.filter((path) => path.endsWith(".md"));
  expect(documents).toEqual(expect.arrayContaining(["README.md", "docs/runbook.md", "docs/guarantees.md"]));
  const dead = documents.flatMap((document) =>
    linksOf(document).flatMap((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? document : posix.normalize(posix.join(posix.dirname(document), path));
      const isThere = packed.includes(target) || packed.some((one) => one.startsWith(`${target.replace(/\/$/, "")}/`));
      if (!isThere) return [`${document}: ${link} isn't in the package`];
      const isHeading = anchor === undefined || !target.endsWith(".md") || anchorsOf(target).includes(anchor);
      return isHeading ? [] : [`${document}: ${link} names no heading`];
    }),
  );
  expect(dead).toEqual([]);
});

test("the package brings the script along that a release calls", () => {
  expect(packed).toContain("scripts/backup-and-migrate.sh");
});
