/** Tells Stryker to leave texts for people alone: what an error or a check says is no decision. */
/** Properties that hold such texts. */
const TEXTS = new Set(["waitingFor", "figure", "remedy", "reason", "name", "message"]);

function isText(path) {
  if (!path.isStringLiteral() && !path.isTemplateLiteral()) return false;
  return (
    path.findParent((one) => {
      if (one.isNewExpression()) return one.get("callee").isIdentifier() && /Error$/.test(one.node.callee.name);
      return one.isObjectProperty() && one.get("key").isIdentifier() && TEXTS.has(one.node.key.name);
    }) !== null
  );
}

export const strykerPlugins = [
  {
    kind: "Ignore",
    name: "texts",
    value: { shouldIgnore: (path) => (isText(path) ? "a text for people" : undefined) },
  },
];
