/** What callers and readers on real servers asked and were told, and when: all that is known there of what took effect. */
import type { ReadOutcome } from "../../src/engine/outcome.js";
import { strategies } from "../../src/strategy/strategies.js";
import type { Answer } from "../explorer/answers.js";
import type { BypassEvent } from "../explorer/bypass-writer.js";
import type { Write } from "../explorer/callers.js";
import type { Lineage } from "../explorer/collections.js";
import type { Attempt, Judge, Look } from "../explorer/judge.js";
import type { Scene } from "../explorer/scene.js";
import type { SimulatedProcess } from "../explorer/simulated-process.js";

/** Milliseconds since the epoch, finer than `Date.now()` and never backwards. */
export const moment = () => performance.timeOrigin + performance.now();

export interface Tried {
  readonly begun: number;
  /** Infinity: nobody knows. */
  ended: number;
  end: "unknown" | "denied" | { readonly answer: Answer };
  readonly first: boolean;
  /** Both stores had it when it was answered, or no loss of Redis takes it. */
  isSafe: boolean;
}

/** One operation, however often it was asked for. */
export interface Asked {
  readonly event: Write;
  readonly tries: Tried[];
}

export interface Bypassed {
  readonly event: BypassEvent;
  readonly begun: number;
  readonly ended: number;
  readonly expiresAt: number | null;
}

export interface Seen {
  readonly begun: number;
  readonly ended: number;
  readonly what:
    | { readonly kind: "read"; readonly id: string; readonly chain: readonly string[] | null }
    | { readonly kind: "counted"; readonly id: string; readonly sum: number }
    /** Null: no record was found. */
    | { readonly kind: "found"; readonly first: string; readonly chain: readonly string[] | null };
}

/** Redis was the authority and lost its memory. It ended when the fleet had filled it again. */
export interface Loss {
  readonly begun: number;
  ended: number;
}

export class History implements Judge {
  readonly asked = new Map<string, Asked>();
  readonly bypassed: Bypassed[] = [];
  readonly seen: Seen[] = [];
  /** Chains that a store told that wasn't the authority: they may be old. */
  readonly old: (readonly string[])[] = [];
  readonly losses: Loss[] = [];

  constructor(readonly scene: Scene) {}

  asks(process: SimulatedProcess, event: Write, { first }: { again: boolean; first: boolean }): Attempt {
    this.scene.sequence++;
    const tried: Tried = { begun: moment(), ended: Number.POSITIVE_INFINITY, end: "unknown", first, isSafe: false };
    const asked = this.asked.get(event.op) ?? { event, tries: [] };
    this.asked.set(event.op, asked);
    asked.tries.push(tried);
    const safe = safety(process);
    const ends = (end: Tried["end"]) => Object.assign(tried, { end, ended: moment() });
    return {
      answered: (answer) => {
        this.scene.cover("acknowledged");
        ends({ answer });
        tried.isSafe = safe();
      },
      denied: () => {
        this.scene.cover("refused");
        ends("denied");
      },
      unknown: () => {},
    };
  }

  looks(process: SimulatedProcess): Look {
    this.scene.sequence++;
    const begun = moment();
    const { counts } = process.engine.events;
    const { fallback } = counts;
    const saw = (what: Seen["what"]) => this.saw(what, begun);
    return {
      read: (id, outcome: ReadOutcome<Lineage>) => {
        if (outcome.kind === "error") return;
        const chain = outcome.kind === "hit" ? outcome.value.chain : null;
        if (!outcome.fallback) saw({ kind: "read", id, chain });
        else if (chain) this.old.push(chain);
      },
      counted: (id, outcome) => {
        if (outcome.kind === "hit" && !outcome.fallback) saw({ kind: "counted", id, sum: outcome.value });
      },
      // A lookup doesn't say whether the other store answered it.
      found: (first, found) => {
        if (counts.fallback === fallback) saw({ kind: "found", first, chain: found?.value.chain ?? null });
        else if (found) this.old.push(found.value.chain);
      },
    };
  }

  /** `begun`: when somebody asked. */
  saw(what: Seen["what"], begun = moment()): void {
    this.seen.push({ begun, ended: moment(), what });
  }

  /** `write` tells whether there was anything to do. */
  async bypass(event: BypassEvent, expiresAt: number | null, write: () => Promise<boolean>): Promise<void> {
    this.scene.sequence++;
    const begun = moment();
    if (await write()) this.bypassed.push({ event, begun, ended: moment(), expiresAt });
  }
}

/** Whether what this process was told is acknowledged survives any loss of Redis, asked from now on. */
function safety(process: SimulatedProcess): () => boolean {
  const { term, events } = process.engine;
  const isPostgres = () => term.reign?.authority === "postgres";
  const isAwaited = () => strategies[process.fleet.strategy].mirror === "awaited";
  const [failures, reigned, awaited] = [events.counts.mirrorFailure, isPostgres(), isAwaited()];
  return () => (reigned && isPostgres()) || (awaited && isAwaited() && events.counts.mirrorFailure === failures);
}
