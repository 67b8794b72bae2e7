/** What the documents say in code, and where they point to, is so. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DOCUMENTS = [
  "README.md",
  "CHANGELOG.md",
  "examples/coupons/README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** The fenced blocks of a document in one language, each with the line on which its code begins. */
function blocksOf(document: string, language: string): { code: string; line: number }[] {
  const text = readFileSync(join(ROOT, document), "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map((match) => ({
    code: match[1] as string,
    line: text.slice(0, match.index).split("\n").length + 1,
  }));
}

const BLOCKS = DOCUMENTS.flatMap((document) =>
  blocksOf(document, "ts").map(({ code, line }) => ({
    name: `${document}:${line}`,
    code,
    line,
    // A file that is nowhere on disk but in the package's own folder, so that imports resolve as they do in it.
    file: join(ROOT, `${document.replaceAll("/", "__")}.${line}.ts`),
  })),
);

function checkTypes(files: ReadonlyMap<string, string>): ts.Program {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, languageVersion, ...rest) => {
    const text = files.get(name);
    return text === undefined
      ? getSourceFile(name, languageVersion, ...rest)
      : ts.createSourceFile(name, text, languageVersion);
  };
  return ts.createProgram([...files.keys()], options, host);
}

describe("TypeScript in the documents", () => {
  const program = checkTypes(new Map(BLOCKS.map(({ file, code }) => [file, code])));

  test("is there", () => {
    expect(BLOCKS.filter(({ name }) => name.startsWith("README.md")).length).toBeGreaterThanOrEqual(2);
  });

  test.each(BLOCKS)(
    "compiles as it stands: $name",
    ({ file, line, code }) => {
      const source = program.getSourceFile(file);
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      const messages = found.map(({ start = 0, messageText }) => {
        const at = line + code.slice(0, start).split("\n").length - 1;
        return `line ${at}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
      });
      expect(messages).toEqual([]);
    },
    120_000,
  );
});

describe("links in the documents", () => {
  test.each(DOCUMENTS)("of %s lead to files and headings that are there", (document) => {
    const text = readFileSync(join(ROOT, document), "utf8");
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
    const dead = targets.filter((target) => {
      if (/^[a-z]+:/.test(target)) return false;
      const [path = "", heading] = target.split("#");
      const file = path === "" ? document : join(dirname(document), path);
      if (!existsSync(join(ROOT, file))) return true;
      return heading !== undefined && !headingsOf(file).includes(heading);
    });
    expect(dead).toEqual([]);
  });

  // In backquotes: `src/engine/drain.ts`, with or without what follows a colon.
  test.each(DOCUMENTS)("of %s name files in backquotes that are there", (document) => {
    const text = readFileSync(join(ROOT, document), "utf8");
    const named = [...text.matchAll(/`((?:src|test|migrations|examples|docs)\/[\w./-]*)`/g)].map(
      (match) => match[1] as string,
    );
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

/** As GitHub names them. */
function headingsOf(document: string): string[] {
  const text = readFileSync(join(ROOT, document), "utf8");
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] as string)
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
