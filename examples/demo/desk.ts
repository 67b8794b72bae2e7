/** Where clients hand in their requests: it counts, writes the journal, and holds each answer against it. */
import { randomBytes } from "node:crypto";
import type { ReadReply } from "./backend-routes.js";
import type { Findings } from "./findings.js";
import type { Answer } from "./fleet.js";
import { type Intent, type Journal, nameOf, type RecordKey, type WriteOutcome } from "./journal.js";
import { DEFAULT_CLOCK_MARGIN_MS, judgeCounter, judgeRecord, type Look } from "./judge.js";

export interface Counts {
  served: number;
  /** Requests that weren't answered as they should, whatever the reason. */
  refused: number;
  reads: number;
  writes: number;
  /** Writes whose outcome stayed unknown though they were repeated. */
  unknown: number;
  /** Records that were read from the store which isn't the authority, and said so. */
  fallbacks: number;
  /** Writes sent a second time with the same operation id, though the first was answered. */
  repetitions: number;
}

export interface Refusal {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly process: string;
  readonly week: string;
  readonly afterMs: number;
}

/** The part of the fleet that clients need. */
export interface Backends {
  request(path: string, body?: unknown): Promise<Answer>;
}

export interface DeskOptions {
  readonly backends: Backends;
  readonly journal: Journal;
  readonly findings: Findings;
  readonly clockMarginMs?: number;
  /** Hears of the first refusals at once. */
  readonly tell?: (refusal: Refusal) => void;
}

export interface WriteOptions {
  /** Sends it a second time although it was answered. */
  readonly repeat?: boolean;
  /** A record that is there, so that there is something to change. */
  readonly mustExist?: RecordKey;
  /** A record that isn't there, so that it can be created. */
  readonly mustNotExist?: RecordKey;
}

/** Refused for certain: the journal knows that nothing was applied. */
const NOTHING_APPLIED = new Set([
  "AUTHORITY_UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "OVERLOADED",
  "FENCED",
  "CONFLICT",
  "VALIDATION",
  "DUPLICATE_EMAIL",
]);
const REFUSALS_KEPT = 50;
/** How often a write of unknown outcome is repeated with its operation id. */
const REPEATS = 3;

export class Desk {
  readonly counts: Counts = { served: 0, refused: 0, reads: 0, writes: 0, unknown: 0, fallbacks: 0, repetitions: 0 };
  readonly refusals: Refusal[] = [];
  readonly journal: Journal;
  readonly findings: Findings;
  readonly #backends: Backends;
  readonly #clockMarginMs: number;
  readonly #tell: (refusal: Refusal) => void;

  constructor(options: DeskOptions) {
    this.#backends = options.backends;
    this.journal = options.journal;
    this.findings = options.findings;
    this.#clockMarginMs = options.clockMarginMs ?? DEFAULT_CLOCK_MARGIN_MS;
    this.#tell = options.tell ?? (() => {});
  }

  /** Undefined when the request was refused. `fallback`: as Answer has it; what was told may then be stale. */
  async ask<T>(path: string, body: unknown): Promise<{ body: T; fallback: boolean } | undefined> {
    this.counts.reads++;
    const answer = await this.#send(path, body);
    return answer?.status === 200 ? { body: answer.body as T, fallback: answer.fallback } : undefined;
  }

  /** Reads records and holds them against the journal. `lanes`: fields of clients that share the records. */
  async readRecords(collection: string, ids: readonly string[], lanes: readonly string[] = []): Promise<void> {
    const { tick } = this.journal;
    const beganAt = Date.now();
    const answer = await this.ask<ReadReply[]>("/read", { collection, ids });
    if (!answer) return;
    const look: Look = { tick, beganAt, endedAt: Date.now() };
    for (const [i, id] of ids.entries()) {
      const reply = answer.body[i] as ReadReply;
      if (reply.fallback) this.counts.fallbacks++;
      this.#judge({ collection, id }, reply, look);
      for (const lane of lanes) this.#judge({ collection, id, lane }, reply, look);
    }
  }

  async readCounters(ids: readonly string[]): Promise<void> {
    const atLeast = ids.map((id) => this.journal.counter(id)?.acknowledged ?? 0);
    const answer = await this.ask<ReadReply[]>("/usage/read", { ids });
    if (!answer) return;
    for (const [i, id] of ids.entries()) {
      const { value, fallback } = answer.body[i] as ReadReply;
      const entry = this.journal.counter(id);
      if (fallback) this.counts.fallbacks++;
      else if (entry) {
        const finding = judgeCounter(entry, Number(value ?? 0), atLeast[i] as number);
        if (finding) this.findings.add(finding, `usage ${id}`, "a client's read");
      }
    }
  }

  /**
   * Sends a write that `intent` was noted for, and notes what became of it. Undefined: it wasn't acknowledged, or the backend
   * says that there is nothing to change; that must not be said of `mustExist`.
   */
  async write<T>(
    path: string,
    body: object,
    intent: Pick<Intent, "settle">,
    options: WriteOptions = {},
  ): Promise<T | undefined> {
    const withId = { ...body, operationId: randomBytes(9).toString("base64url") };
    this.counts.writes++;
    let answer = await this.#send(path, withId);
    let inDoubt = false;
    for (let i = 0; i < REPEATS && outcomeOf(answer) === "unknown"; i++) {
      inDoubt = true;
      answer = await this.#send(path, withId);
    }
    // That a repetition applied nothing says nothing of what was sent before it.
    const outcome = inDoubt && outcomeOf(answer) === "refused" ? "unknown" : outcomeOf(answer);
    if (outcome === "unknown") this.counts.unknown++;
    intent.settle(outcome);
    if (answer && outcome !== "acknowledged") this.#judgeRefusal(answer, options);
    if (answer === undefined || outcome !== "acknowledged") return undefined;
    if (options.repeat) {
      // As a client that didn't hear the answer would: it must not be carried out again.
      this.counts.repetitions++;
      await this.#send(path, withId);
    }
    return answer.body as T;
  }

  #judgeRefusal({ status, body, fallback }: Answer, { mustExist, mustNotExist }: WriteOptions): void {
    if (mustExist && status === 200 && !fallback) this.missed(mustExist);
    if (mustNotExist && body?.error?.code === "DUPLICATE_EMAIL") {
      const finding = { breach: "resurrected", what: "the backend says that it exists" } as const;
      this.findings.add(finding, nameOf(mustNotExist), "a client's write");
    }
  }

  /** The backend says that there is none, and doesn't say that it asked the other store. */
  missed(key: RecordKey): void {
    this.findings.add({ breach: "lost", what: "the backend says that there is none" }, nameOf(key), "a client's write");
  }

  #judge(key: RecordKey, reply: ReadReply, look: Look): void {
    const entry = this.journal.record(key);
    if (!entry) return;
    const value = reply.kind === "hit" ? (reply.value as Record<string, unknown>) : null;
    const finding = judgeRecord(entry, { value }, look, this.#clockMarginMs);
    // A fallback says that it may be stale; nothing that has ended may be told by it either.
    if (finding && (!reply.fallback || finding.breach === "expired")) {
      this.findings.add(finding, nameOf(key), reply.fallback ? "a client's fallback read" : "a client's read");
    }
  }

  /** Undefined: no answer came. */
  async #send(path: string, body: unknown): Promise<Answer | undefined> {
    const began = performance.now();
    const refuse = (code: string, message: string, process: string) => {
      this.counts.refused++;
      const afterMs = Math.round(performance.now() - began);
      if (this.refusals.length === REFUSALS_KEPT) return;
      const refusal = { path, code, message, process, week: this.findings.week, afterMs };
      this.refusals.push(refusal);
      this.#tell(refusal);
    };
    try {
      const answer = await this.#backends.request(path, body);
      if (answer.status === 200) this.counts.served++;
      else
        refuse(answer.body?.error?.code ?? `HTTP ${answer.status}`, answer.body?.error?.message ?? "", answer.process);
      return answer;
    } catch (error) {
      refuse("NO_ANSWER", (error as Error).message, "the router");
      return undefined;
    }
  }
}

function outcomeOf(answer: Answer | undefined): Exclude<WriteOutcome, "pending"> {
  // Null: there was nothing to change, so nothing was changed.
  if (answer?.status === 200) return answer.body === null ? "refused" : "acknowledged";
  return NOTHING_APPLIED.has(answer?.body?.error?.code) ? "refused" : "unknown";
}
