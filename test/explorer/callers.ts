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
import { type Answer, checkAnswer } from "./answers.js";
import type { Lineage } from "./collections.js";
import type { FleetOperator } from "./fleet-operator.js";
import { inTime } from "./in-time.js";
import type { PlannedEvent } from "./plan.js";
import { DEADLINES, type SimulatedProcess } from "./simulated-process.js";
import type { Truth } from "./truth.js";
import type { World } from "./world.js";

export type Write = Extract<PlannedEvent, { op: string; process: number }>;
/** How many of those who were answered ask once more, as a job does that is run twice. */
const AGAIN = 0.12;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export class Callers {
  constructor(
    readonly world: World,
    readonly truth: Truth,
    readonly fleet: FleetOperator,
  ) {}

  async write(event: Write): Promise<void> {
    await this.#untilAnswered(event, false);
    if (event.kind === "cancelled-put" || this.world.draw("again", event.op) > AGAIN) return;
    await pause(Math.floor(this.world.draw("again after", event.op) * 1500));
    this.world.cover("asked-again");
    await this.#untilAnswered(event, true);
  }

  async #untilAnswered(event: Write, again: boolean): Promise<void> {
    const { operations } = this.truth;
    for (let attempt = 0; attempt < 4; attempt++) {
      const { process, untilCrash } = await this.fleet.untilServing(event.process + attempt);
      operations.begin(event.op, event.kind, again);
      this.world.note(
        `${process.name}`,
        () => `asks ${event.kind} ${event.op} ${again || attempt > 0 ? "again" : ""} on ${subject(event)}`,
      );
      const begun = performance.now();
      const start = this.world.sequence;
      try {
        const answer = await Promise.race([this.#ask(process, event), untilCrash]);
        if (answer === "crashed") operations.unknown(event.op);
        else {
          this.world.note(process.name, () => `answers ${event.op}: ${JSON.stringify(answer)}`);
          if (answer !== "left") operations.acknowledged(event.op);
          inTime(this.world, event.op, begun, DEADLINES.write + DEADLINES.mirror);
          if (!again && attempt === 0) checkAnswer(this.truth, event, answer, start);
          return;
        }
      } catch (error) {
        this.world.note(process.name, () => `fails ${event.op}: ${(error as Error).name}: ${(error as Error).message}`);
        inTime(this.world, event.op, begun, DEADLINES.write + DEADLINES.mirror);
        this.#judge(event, error);
        if (error instanceof ValidationError) return;
      }
      if (event.kind === "cancelled-put") return;
      await pause(Math.floor(this.world.draw("retry", event.op) * 300));
    }
  }

  #judge({ op, kind }: Write, error: unknown): void {
    const { operations } = this.truth;
    const isDisturbed = kind === "cancelled-put" || error instanceof ConflictError || error instanceof ValidationError;
    if (this.world.quiet && !isDisturbed)
      this.world.violate("a healthy fleet refuses nothing", `${op}: ${(error as Error).message}`);
    const denials: (new (...args: never[]) => Error)[] = [
      AuthorityUnavailableError,
      ConflictError,
      DeadlineExceededError,
      FencedError,
    ];
    // Only what a constraint is against is refused for good.
    if (this.world.poison.size > 0) denials.push(ValidationError);
    if (error instanceof OutcomeUnknownError) operations.unknown(op);
    else if (denials.some((one) => error instanceof one)) operations.denied(op, (error as Error).message);
    else
      this.world.violate(
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
        setTimeout(() => controller.abort(new Error("cancelled")), 1 + Math.floor(this.world.draw("cancel", op) * 60));
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
