/** Collects what breaks a promise: each key once a kind, however often it is met. */
import type { Breach, Finding } from "./judge.js";

export interface ReportedFinding extends Finding {
  readonly key: string;
  /** Who met it: a client's read, or the proof in one of the stores. */
  readonly where: string;
  readonly week: string;
}

export class Findings {
  readonly #byKey = new Map<string, ReportedFinding>();
  readonly #tell: (finding: ReportedFinding) => void;
  /** What goes on while findings are made. */
  week = "";

  /** `tell` hears of each at once. */
  constructor(tell: (finding: ReportedFinding) => void = () => {}) {
    this.#tell = tell;
  }

  add(finding: Finding, key: string, where: string): void {
    const name = `${finding.breach} ${key}`;
    if (this.#byKey.has(name)) return;
    const reported = { ...finding, key, where, week: this.week };
    this.#byKey.set(name, reported);
    this.#tell(reported);
  }

  count(breach: Breach): number {
    return this.all.filter((finding) => finding.breach === breach).length;
  }

  get counts(): Record<Breach, number> {
    return {
      lost: this.count("lost"),
      resurrected: this.count("resurrected"),
      counter: this.count("counter"),
      expired: this.count("expired"),
    };
  }

  get all(): ReportedFinding[] {
    return [...this.#byKey.values()];
  }
}
