/** One thing that the doctor looked at. */
import type { Asked } from "../../stores/asked.js";
import type { StoreName } from "../../stores/state.js";

export type Severity =
  /** As it should be. */
  | "ok"
  /** Should be changed. */
  | "problem"
  /** Must be changed before the next flip. */
  | "blocking"
  /** Couldn't be looked at. */
  | "unknown";

export interface Finding {
  readonly about: StoreName | "both";
  readonly name: string;
  readonly severity: Severity;
  /** What was found, or why it couldn't be. */
  readonly figure: string;
  /** What to do; null where nothing is. */
  readonly remedy: string | null;
}

/** Builds the findings about one store. */
export class Findings {
  readonly #about: Finding["about"];
  readonly all: Finding[] = [];

  constructor(about: Finding["about"]) {
    this.#about = about;
  }

  ok(name: string, figure: string): void {
    this.#add(name, "ok", figure, null);
  }

  /** `ok` if the condition holds, else what is given, with what to do. */
  check(name: string, holds: boolean, severity: "problem" | "blocking", figure: string, remedy: string): void {
    this.#add(name, holds ? "ok" : severity, figure, holds ? null : remedy);
  }

  unknown(name: string, reason: string, remedy: string): void {
    this.#add(name, "unknown", `not known: ${reason}`, remedy);
  }

  /** Goes on with what the server told, or notes why it didn't. */
  from<T>(asked: Asked<T>, name: string, remedy: string, look: (value: T) => void): void {
    if (asked.known) look(asked.value);
    else this.unknown(name, asked.reason, remedy);
  }

  #add(name: string, severity: Severity, figure: string, remedy: string | null): void {
    this.all.push({ about: this.#about, name, severity, figure, remedy });
  }
}

/** Such as `310 B`, `4.2 MB`. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** A connection that doesn't leave this machine. */
export function isLocal(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.") || host.startsWith("/");
}
