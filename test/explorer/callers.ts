/** Those who write: each asks, asks again with the same operation id when told that the outcome is unknown, some even when it is known, and checks the answer. */
import {
  AuthorityUnavailableError,
  ConflictError,
  DeadlineExceededError,
  DualWriteError,
  FencedError,
  OutcomeUnknownError,
  ValidationError,
} from "../../src/errors.js";
import type { Answer } from "./answers.js";
import type { Lineage } from "./collections.js";
import { brief } from "./explorer-stores.js";
import type { FleetOperator } from "./fleet-operator.js";
import { inTime } from "./in-time.js";
import type { Attempt, Judge } from "./judge.js";
import type { PlannedEvent } from "./plan.js";
import type { Scene } from "./scene.js";
import type { SimulatedProcess } from "./simulated-process.js";

export type Write = Extract<PlannedEvent, { op: string; process: number }>;
/** How many of those who were answered ask once more, as a job does that is run twice. */
const AGAIN = 0.12;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export class Callers {
  constructor(
    readonly scene: Scene,
    readonly judge: Judge,
    readonly fleet: FleetOperator,
  ) {}

  async write(event: Write): Promise<void> {
    const begun = performance.now();
    await this.#untilAnswered(event, false, begun);
    if (event.kind === "cancelled-put" || this.scene.draw("again", event.op) > AGAIN) return;
    await pause(Math.floor(this.scene.draw("again after", event.op) * 1500));
    this.scene.cover("asked-again");
    await this.#untilAnswered(event, true, begun);
  }

  /** `since`: when it was first asked for. */
  async #untilAnswered(event: Write, again: boolean, since: number): Promise<void> {
    const limit = this.scene.deadlines.write + this.scene.deadlines.mirror;
    for (let tries = 0; tries < 4; tries++) {
      const { process, untilCrash } = await this.fleet.untilServing(event.process + tries);
      // By then it may be forgotten.
      if ((again || tries > 0) && performance.now() - since > this.scene.retentionMs / 2) return;
      const attempt = this.judge.asks(process, event, { again, first: !again && tries === 0 });
      this.scene.note(
        `${process.name}`,
        () => `asks ${event.kind} ${event.op} ${again || tries > 0 ? "again" : ""} on ${subject(event)}`,
      );
      const begun = performance.now();
      try {
        const answer = await Promise.race([this.#ask(process, event), untilCrash]);
        if (answer === "crashed") this.#unknown(attempt);
        else {
          this.scene.note(process.name, () => `answers ${event.op}: ${brief(answer)}`);
          inTime(this.scene, event.op, begun, limit);
          attempt.answered(answer);
          return;
        }
      } catch (error) {
        this.scene.note(process.name, () => `fails ${event.op}: ${(error as Error).name}: ${(error as Error).message}`);
        inTime(this.scene, event.op, begun, limit);
        this.#failed(event, attempt, error);
        if (error instanceof ValidationError) return;
      }
      if (event.kind === "cancelled-put") return;
      await pause(Math.floor(this.scene.draw("retry", event.op) * 300));
    }
  }

  #unknown(attempt: Attempt): void {
    this.scene.cover("unknown-outcome");
    attempt.unknown();
  }

  #failed({ op, kind }: Write, attempt: Attempt, error: unknown): void {
    const isDisturbed = kind === "cancelled-put" || error instanceof ConflictError || error instanceof ValidationError;
    if (this.scene.quiet && !isDisturbed)
      this.scene.violate("a healthy fleet refuses nothing", `${op}: ${(error as Error).message}`);
    const denials: (new (...args: never[]) => Error)[] = [
      AuthorityUnavailableError,
      ConflictError,
      DeadlineExceededError,
      FencedError,
    ];
    // Only what a constraint is against is refused for good.
    if (this.scene.refuses) denials.push(ValidationError);
    if (error instanceof OutcomeUnknownError) this.#unknown(attempt);
    else if (denials.some((one) => error instanceof one)) attempt.denied((error as Error).message);
    else
      this.scene.violate(
        "errors are the library's own",
        `${op}: ${error instanceof DualWriteError ? error.code : ""} ${(error as Error).stack}`,
      );
  }

  /** `left`: nothing was to be written. */
  async #ask(process: SimulatedProcess, event: Write): Promise<Answer> {
    const { op } = event;
    const options = { operationId: op };
    const append = ({ chain }: Lineage): Lineage => ({ chain: [...chain, op] });
    switch (event.kind) {
      case "count": {
        const entries = [event.id, event.also].flatMap((id) => (id === undefined ? [] : [{ id, by: event.by }]));
        return process.counters.add(entries.slice(0, event.also === event.id ? 1 : 2), options);
      }
      case "update-by":
        return (await process.records.updateBy("first", event.first, append, options))?.value.chain ?? "left";
      case "delete-by":
        return (await process.records.deleteBy("first", event.first, options)) ? "deleted" : "left";
    }
    const { id, ttlMs } = event;
    const value: Lineage = { chain: [op] };
    const expiresAt = ttlMs === undefined ? undefined : Date.now() + ttlMs;
    switch (event.kind) {
      case "put": {
        const entry = { id, value, expiresAt: expiresAt ?? null };
        const other = { ...entry, id: event.also ?? id, value: { chain: [`${op}+`] } };
        if (event.also === undefined || event.also === id)
          await process.records.put(id, value, { ...options, expiresAt: expiresAt ?? null });
        else await process.records.putMany([entry, other], options);
        return "put";
      }
      case "cancelled-put": {
        const controller = new AbortController();
        setTimeout(() => controller.abort(new Error("cancelled")), 1 + Math.floor(this.scene.draw("cancel", op) * 60));
        await process.records.put(id, value, { ...options, signal: controller.signal });
        return "put";
      }
      case "create":
        return (await process.records.create(id, value, { ...options, expiresAt: expiresAt ?? null }))
          ? "created"
          : "left";
      case "delete":
        return (await process.records.delete(id, options)) ? "deleted" : "nothing stood";
      case "update": {
        const given = expiresAt === undefined ? options : { ...options, expiresAt };
        return (await process.records.update(id, append, given))?.chain ?? "left";
      }
    }
  }
}

function subject(event: Write): string {
  return "first" in event ? `what begins with ${event.first}` : `${event.id}${event.also ? ` and ${event.also}` : ""}`;
}
