/** Those who read: what each is told is judged by what was true while it asked. */
import type { ReadOutcome } from "../../src/engine/outcome.js";
import type { Lineage } from "./collections.js";
import type { FleetOperator } from "./fleet-operator.js";
import { inTime } from "./in-time.js";
import type { Judge } from "./judge.js";
import type { PlannedEvent } from "./plan.js";
import type { Scene } from "./scene.js";

export class Readers {
  constructor(
    readonly scene: Scene,
    readonly judge: Judge,
    readonly fleet: FleetOperator,
  ) {}

  async read(event: Extract<PlannedEvent, { kind: "read" }>): Promise<void> {
    const { scene } = this;
    const { process } = await this.fleet.untilServing(event.process);
    const [look, begun] = [this.judge.looks(process), performance.now()];
    // As often as not by its value alone, as `get` reads.
    const outcome = await (scene.sequence % 2 === 0 ? process.records.read(event.id) : process.readValue(event.id));
    inTime(scene, `a read of ${event.id}`, begun, scene.deadlines.read);
    scene.note(
      process.name,
      () =>
        `read ${event.id}: ${outcome.kind} ${outcome.kind === "hit" ? `[${outcome.value.chain}]` : ""} from ${outcome.store}${outcome.fallback ? " (fallback)" : ""}`,
    );
    scene.cover(outcome.fallback ? `read-fallback-${outcome.kind}` : `read-${outcome.kind}`);
    this.#checkHealthy(event.id, outcome);
    look.read(event.id, outcome);
  }

  async find(event: Extract<PlannedEvent, { kind: "find" }>): Promise<void> {
    const { scene } = this;
    const { process } = await this.fleet.untilServing(event.process);
    const [look, begun] = [this.judge.looks(process), performance.now()];
    let found: { readonly id: string; readonly value: Lineage } | null;
    try {
      found = await process.records.findBy("first", event.first);
    } catch (error) {
      scene.cover("find-error");
      return scene.note(process.name, () => `finds ${event.first}: ${(error as Error).message}`);
    } finally {
      inTime(scene, `a lookup of ${event.first}`, begun, scene.deadlines.read);
    }
    scene.note(process.name, () => `finds ${event.first}: ${JSON.stringify(found)}`);
    scene.cover(found ? "find-hit" : "find-miss");
    look.found(event.first, found);
  }

  async readCount(event: Extract<PlannedEvent, { kind: "read-count" }>): Promise<void> {
    const { scene } = this;
    const { process } = await this.fleet.untilServing(event.process);
    const [look, begun] = [this.judge.looks(process), performance.now()];
    const [outcome] = await process.counters.readMany([event.id]);
    inTime(scene, `a read of ${event.id}`, begun, scene.deadlines.read);
    scene.note(process.name, () => `read ${event.id}: ${JSON.stringify(outcome)}`);
    if (!outcome) return;
    this.#checkHealthy(event.id, outcome);
    look.counted(event.id, outcome);
  }

  #checkHealthy(id: string, outcome: ReadOutcome<unknown>): void {
    if (this.scene.quiet && (outcome.fallback || outcome.kind === "error"))
      this.scene.violate("a healthy authority answers itself", `${id}: ${outcome.kind} from ${outcome.store}`);
  }
}
