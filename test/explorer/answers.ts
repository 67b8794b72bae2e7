/** Whether what a writer was told fits what was true while it asked. */
import type { Write } from "./callers.js";
import { chainOf } from "./collections.js";
import type { TrueState } from "./record-truth.js";
import type { Truth } from "./truth.js";

/** `left`, `nothing stood`: there was nothing to change. A list: the chain that an update made. A map: what counters stand at. */
export type Answer =
  | "put"
  | "created"
  | "deleted"
  | "nothing stood"
  | "left"
  | readonly string[]
  | ReadonlyMap<string, number>;

/** `start`: the number of the last effect before it asked. Only for who asked for the first time. */
export function checkAnswer(truth: Truth, event: Write, answer: Answer, start: number): void {
  const { world, operations } = truth;
  // What a store recognised after a lost answer tells what stands, and not what stood before. What a memory loss took isn't known yet.
  if (operations.of(event.op).repeated || truth.loss || truth.alone) return;
  const lie = (was: unknown) => {
    world.violate("an answer tells the truth", `${event.op} was answered ${JSON.stringify(answer)}; it was ${was}`);
  };
  if (answer instanceof Map) {
    for (const [id, sum] of answer) {
      const during = truth.counter(id).during(start, world.sequence);
      if (!during.some((one) => one.sum === sum)) lie(`${during.map((one) => one.sum)} in ${id}`);
    }
    return;
  }
  if ("first" in event) {
    if (Array.isArray(answer) && answer[0] !== event.first) lie("to change what begins otherwise");
    if (answer !== "left") return;
    const has = (one: TrueState) => chainOf(one.bytes)?.[0] === event.first && one.expiresAt === null;
    for (const [id, record] of truth.records)
      if (record.during(start, world.sequence).every(has)) lie(`in ${id} all the time`);
    return;
  }
  const during = truth.record(event.id).during(start, world.sequence);
  const stood = () => during.map((one) => `[${chainOf(one.bytes)}] until ${one.expiresAt}`);
  const mayBeGone = during.some((one) => one.bytes === null || one.expiresAt !== null);
  const mayStand = during.some((one) => one.bytes !== null);
  if (event.kind === "create" ? answer === "left" && !mayStand : answer === "deleted" && !mayStand) lie(stood());
  if (event.kind !== "create" && (answer === "left" || answer === "nothing stood") && !mayBeGone) lie(stood());
  if (Array.isArray(answer) && !during.some((one) => String(chainOf(one.bytes)) === String(answer))) lie(stood());
}
