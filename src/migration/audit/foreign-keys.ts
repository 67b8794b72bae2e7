/** Keys of other libraries, recognised by the names that they give by default. */
import { escapeGlob } from "../../engine/key-pattern.js";
import { Wildcard } from "../keyspace/wildcard.js";
import { FOREIGN, type ForeignKind } from "./foreign-table.js";

export interface ForeignKey {
  readonly library: string;
  readonly kind: ForeignKind;
  /** As a SCAN pattern. */
  readonly pattern: string;
}

/** What an application keeps under its own prefix; its own caches and sessions are no library's. */
const INSIDE: readonly ForeignKind[] = ["queue", "lock", "rateLimit"];

interface Known extends ForeignKey {
  readonly shape: Wildcard;
}

export class ForeignKeys {
  readonly #prefix: string;
  /** Bare, and inside the prefix. */
  readonly #outside: readonly Known[];
  readonly #inside: readonly Known[];

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#outside = FOREIGN.flatMap(({ library, kind, names }) =>
      names.map((name) => ({ library, kind, pattern: name, shape: Wildcard.of(name) })),
    );
    this.#inside = this.#outside
      .filter(({ kind }) => INSIDE.includes(kind))
      .map((one) => ({ ...one, pattern: escapeGlob(prefix) + one.pattern }));
  }

  /** Null: nobody's that is known here. Names are conventions, so this is a good guess. */
  recognise(key: string): ForeignKey | null {
    const isInside = this.#prefix !== "" && key.startsWith(this.#prefix);
    const name = isInside ? key.slice(this.#prefix.length) : key;
    return (isInside ? this.#inside : this.#outside).find(({ shape }) => shape.match(name) >= 0) ?? null;
  }
}
