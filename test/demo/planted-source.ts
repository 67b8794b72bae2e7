/** A store for the proof's own tests: it holds what the journal says, but for what a test plants. */
import type { Observed } from "../../examples/demo/judge.js";
import type { Source } from "../../examples/demo/proof.js";

export interface PlantedSource extends Source {
  readonly held: Map<string, Readonly<Record<string, unknown>>>;
  readonly sums: Map<string, number>;
  /** How often records were asked for. */
  looks: number;
}

export function plantedSource(): PlantedSource {
  const held = new Map<string, Readonly<Record<string, unknown>>>();
  const sums = new Map<string, number>();
  const source: PlantedSource = {
    name: "a planted store",
    held,
    sums,
    looks: 0,
    records: async (_, ids): Promise<Observed[]> => {
      source.looks++;
      return ids.map((id) => ({ value: held.get(id) ?? null, digest: String(held.get(id)?.digest) }));
    },
    counters: async (ids) => ids.map((id) => sums.get(id) ?? 0),
  };
  return source;
}
