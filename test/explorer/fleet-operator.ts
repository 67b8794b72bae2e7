/** Starts, crashes and replaces processes, and leads the fleet from stage to stage one process after another. */
import { StrategyError } from "../../src/errors.js";
import type { StoreName } from "../../src/stores/state.js";
import type { Ground } from "./ground.js";
import { MigrationProcess } from "./migration-process.js";
import { type Cut, type Plan, strategyOf } from "./plan.js";
import type { Scene } from "./scene.js";
import { type ProcessOptions, SimulatedProcess } from "./simulated-process.js";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface Slot {
  process: SimulatedProcess | null;
  stage: number;
  /** Told when the process that runs now crashes. */
  crashed: () => void;
  untilCrash: Promise<"crashed">;
  starting: Promise<void>;
}

export class FleetOperator {
  stage: number;
  readonly #slots: Slot[] = [];
  #flipping: Promise<void> = Promise.resolve();
  #made = 0;

  constructor(
    readonly scene: Scene,
    readonly ground: Ground,
    plan: Plan,
  ) {
    this.stage = plan.stage;
    this.#options = { compare: plan.compare };
    for (let i = 0; i < plan.processes; i++) {
      const slot = {
        process: null,
        stage: plan.stage,
        crashed: () => {},
        untilCrash: new Promise<"crashed">(() => {}),
        starting: Promise.resolve(),
      } as Slot;
      this.#slots.push(slot);
      this.#start(slot);
    }
  }
  readonly #options: ProcessOptions;

  /** The process in that place, or any other that serves; null while none does. */
  serving(place: number): { process: SimulatedProcess; untilCrash: Promise<"crashed"> } | null {
    const order = [...this.#slots.slice(place % this.#slots.length), ...this.#slots];
    const slot = order.find(({ process }) => process?.state === "serving");
    return slot?.process ? { process: slot.process, untilCrash: slot.untilCrash } : null;
  }

  async untilServing(place: number): Promise<{ process: SimulatedProcess; untilCrash: Promise<"crashed"> }> {
    for (;;) {
      const found = this.serving(place);
      if (found) return found;
      await pause(20);
    }
  }

  processes(): SimulatedProcess[] {
    return this.#slots.flatMap(({ process }) => (process && process.state !== "gone" ? [process] : []));
  }

  crash(place: number): void {
    const slot = this.#slots[place % this.#slots.length] as Slot;
    if (!slot.process || slot.process.state === "gone") return;
    this.scene.cover("crash");
    if (this.ground.isBetweenReigns) this.scene.cover("crash-between-close-and-open");
    slot.process.crash();
    slot.crashed();
    this.#start(slot, 30 + Math.floor(this.scene.draw("restart") * 800));
  }

  /** The process that is in that place now. */
  async cutOff(place: number, stores: readonly StoreName[], manner: Cut, ms: number): Promise<void> {
    const { process } = this.#slots[place % this.#slots.length] as Slot;
    if (!process || process.state === "gone") return;
    this.scene.note("fault", `${process.name} is ${manner} towards ${stores.join(" and ")} for ${ms} ms`);
    for (const store of stores) process.lines.set(store, manner);
    await pause(ms);
    for (const store of stores) process.lines.set(store, "up");
    this.scene.note("fault", `${process.name} reaches ${stores.join(" and ")} again`);
  }

  /** After the flips asked for before. */
  flip(to: number, graceful: boolean, live: boolean): Promise<void> {
    this.#flipping = this.#flipping.then(() => this.#flip(to, graceful, live));
    return this.#flipping;
  }

  /** After the flips asked for before, if they led to the last stage. */
  giveUp(name: string): Promise<void> {
    this.#flipping = this.#flipping.then(async () => {
      if (this.stage === 3 && !this.ground.isGivenUp)
        await new MigrationProcess(this.scene, this.ground, name).giveUp();
    });
    return this.#flipping;
  }

  async settled(): Promise<void> {
    await this.#flipping;
    await Promise.all(this.#slots.map((slot) => slot.starting));
  }

  async #flip(to: number, graceful: boolean, live: boolean): Promise<void> {
    if (Math.abs(to - this.stage) !== 1) return; // An earlier flip was cut out of the plan.
    if (to < 3) await this.#takeBack();
    if (to === 0 && !(await this.#isRedisReigning())) return;
    this.stage = to;
    this.scene.note("operator", `flips to ${strategyOf(to)}`);
    for (const [place, slot] of this.#slots.entries()) {
      await slot.starting;
      slot.stage = to;
      const { process } = slot;
      if (process?.state !== "serving") continue;
      if (live) await this.#follow(process, to);
      else if (graceful) {
        // A process that crashes on its way out is replaced by whoever let it crash.
        const ended = await Promise.race([process.close(), slot.untilCrash]);
        if (ended !== "crashed") this.#start(slot);
      } else this.crash(place);
      await slot.starting;
      await pause(Math.floor(this.scene.draw("flip pause") * 150));
    }
    this.scene.cover(`flip-to-${to}`);
  }

  /** Asks again until the process has seen that Redis was taken back. */
  async #follow(process: SimulatedProcess, to: number): Promise<void> {
    while (process.state === "serving") {
      try {
        return await process.follow(strategyOf(to));
      } catch (error) {
        if (!(error instanceof StrategyError)) throw error;
        await pause(50);
      }
    }
  }

  /** A process at the first stage may set Redis up alone: docs/guarantees.md says to go there once Redis is the authority again. */
  async #isRedisReigning(): Promise<boolean> {
    for (let tries = 0; tries < 100; tries++) {
      if ((await this.ground.standing()).authority === "redis") return true;
      await pause(50);
    }
    return false;
  }

  /** Before an earlier stage Redis has to be there again, from an emptied keyspace. One that is at it does it for all. */
  #takeBack(): Promise<void> {
    this.#takingBack ??= this.#emptyAndTakeBack().finally(() => {
      this.#takingBack = null;
    });
    return this.#takingBack;
  }
  #takingBack: Promise<void> | null = null;

  async #emptyAndTakeBack(): Promise<void> {
    while (this.ground.isGivenUp) {
      await this.ground.emptyRedis();
      await new MigrationProcess(this.scene, this.ground, `taker-${++this.#made}`).takeBack();
      if (this.ground.isGivenUp) await pause(300);
    }
  }

  #start(slot: Slot, afterMs = 0): void {
    slot.untilCrash = new Promise((resolve) => {
      slot.crashed = () => resolve("crashed");
    });
    slot.starting = this.#open(slot, slot.untilCrash, afterMs);
  }

  async #open(slot: Slot, untilCrash: Promise<"crashed">, afterMs: number): Promise<void> {
    if (afterMs > 0) await pause(afterMs);
    for (;;) {
      const name = `p${++this.#made}`;
      const lines = await this.ground.lines(name);
      const process = new SimulatedProcess(this.scene, lines, name, strategyOf(slot.stage), this.#options);
      slot.process = process;
      this.scene.note(name, `starts as ${strategyOf(slot.stage)}`);
      try {
        await Promise.race([process.open(), untilCrash]);
        return;
      } catch (error) {
        if (!(error instanceof StrategyError)) throw error;
        this.scene.cover("refused-to-join");
        process.crash();
        await pause(500);
        // Redis may have been given up by a command that was told that it failed: its refusal names what is to be done.
        if (slot.stage < 3) await this.#takeBack();
      }
    }
  }
}
