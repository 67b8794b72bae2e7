/** The text form of Redis's fence: `term role runId complete exceptions bareTrusted agreed`. The scripts parse the same form. */
import type { Fence } from "../store.js";

export interface RedisFence {
  readonly term: number;
  readonly role: Fence["role"];
  /** `run_id` of the server whose memory the fence speaks for. */
  readonly runId: string;
  /** Nothing is known to be missing here, but for the collections in `exceptions`; or the reverse. */
  readonly complete: boolean;
  readonly exceptions: readonly string[];
  /** The whole memory was lost, so a value without a companion came after the loss. */
  readonly bareTrusted: boolean;
  /** Postgres was asked when this fence was set. */
  readonly agreed: boolean;
}

const FORM = /^(\d+) (authority|closed|mirror) (\S+) ([01]) (\S+) ([01]) ([01])$/;

/** @returns null for a missing fence; @throws Error for one that isn't the library's. */
export function parseFence(text: string | null): RedisFence | null {
  if (text === null) return null;
  const match = FORM.exec(text);
  if (!match)
    throw new Error(`The key dual-write:fence holds "${text.slice(0, 80)}", which this library didn't write.`);
  const [, term, role, runId, complete, exceptions, bareTrusted, agreed] = match as unknown as string[];
  return {
    term: Number(term),
    role: role as Fence["role"],
    runId: runId as string,
    complete: complete === "1",
    exceptions: exceptions === "-" ? [] : (exceptions as string).split(","),
    bareTrusted: bareTrusted === "1",
    agreed: agreed === "1",
  };
}

export function formatFence(fence: RedisFence): string {
  const flag = (value: boolean) => (value ? "1" : "0");
  return [
    fence.term,
    fence.role,
    fence.runId,
    flag(fence.complete),
    fence.exceptions.length > 0 ? fence.exceptions.join(",") : "-",
    flag(fence.bareTrusted),
    flag(fence.agreed),
  ].join(" ");
}

/** The fence as the port gives it for one collection, for some, or for all. */
export function toPortFence(fence: RedisFence, of?: string | readonly string[]): Fence {
  const isComplete = (collection: string) => fence.complete !== fence.exceptions.includes(collection);
  const complete =
    of === undefined
      ? fence.complete && fence.exceptions.length === 0
      : typeof of === "string"
        ? isComplete(of)
        : of.every(isComplete);
  return { term: fence.term, role: fence.role, complete, agreed: fence.agreed };
}
