/** What the callers asked for and what they were told, against what took effect. */
import type { World } from "./world.js";

interface Logged {
  kind: string;
  /** Times it took effect. */
  effects: number;
  /** The caller was told that certainly nothing was applied, and has not asked again. */
  denied: boolean;
  /** An attempt ended as unknown. */
  unknown: boolean;
  /** A store recognised it. */
  repeated: boolean;
}

export class Operations {
  readonly #all = new Map<string, Logged>();
  constructor(readonly world: World) {}

  of(id: string): Logged {
    const logged = this.#all.get(id) ?? { kind: "other", effects: 0, denied: false, unknown: false, repeated: false };
    this.#all.set(id, logged);
    return logged;
  }

  /** `again`: though it was answered before, so that a denial says of this attempt only. */
  begin(id: string, kind: string, again: boolean): void {
    const op = this.of(id);
    op.kind = kind;
    op.denied = false;
    op.unknown ||= again;
  }

  effective(id: string): void {
    const op = this.of(id);
    op.effects++;
    if (op.denied)
      this.world.violate("an error tells the truth", `${id} was reported as not applied and takes effect afterwards`);
  }

  lose(id: string): void {
    if (this.#all.has(id)) this.world.cover("write-lost-with-memory");
  }

  acknowledged(id: string): void {
    this.world.cover("acknowledged");
    if (this.of(id).effects === 0)
      this.world.violate("acknowledged means applied", `${id} was acknowledged but never took effect`);
  }

  /** The caller was told that nothing was applied. */
  denied(id: string, message: string): void {
    const op = this.of(id);
    if (op.unknown) return; // It said of this attempt only.
    op.denied = true;
    this.world.cover("refused");
    if (op.effects > 0)
      this.world.violate("an error tells the truth", `${id} took effect, but its caller was told: ${message}`);
  }

  unknown(id: string): void {
    this.of(id).unknown = true;
  }
}
