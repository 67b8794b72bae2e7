/** What every Redis operation needs. */
import type { Collection } from "../collection.js";
import type { Fence } from "../store.js";
import { parseFence, toPortFence } from "./fence.js";
import { keysOf, logKeys } from "./keys.js";
import type { Argument } from "./packed-command.js";
import type { RedisConnection } from "./redis-connection.js";
import type { ScriptName } from "./scripts/index.js";

export interface RedisContext {
  readonly connection: RedisConnection;
  readonly logLimit: number;
}

/** Which of a bypass writer's changes an inspection takes over, and in which term. */
export interface Adopt {
  readonly term: number;
  readonly mode: "changed" | "bare";
}

/** The fence as the port sees it: none, if it speaks for another server's memory. */
export function validFence(context: RedisContext, text: string | null, of?: string | readonly string[]): Fence | null {
  const fence = parseFence(text);
  return fence && fence.runId === context.connection.runId ? toPortFence(fence, of) : null;
}

/** What the arguments of each step in a term begin with: who asks, in what, and for how many. */
export function stepArguments(context: RedisContext, collection: Collection, term: number, count: number): Argument[] {
  return [term, context.connection.runId, collection.name, context.logLimit, count];
}

/** An exact look by a script of its own: the fence, and a row for each id. */
export async function inspect(
  context: RedisContext,
  script: ScriptName,
  collection: Collection,
  ids: readonly string[],
  adopt: Adopt | undefined,
): Promise<{ fence: Fence | null; rows: Buffer[][] }> {
  const { connection, logLimit } = context;
  const keys = [...logKeys(collection.name), ...ids.flatMap((id) => keysOf(collection, id))];
  const looking = [adopt?.mode ?? "none", adopt?.term ?? 0];
  const args = [connection.runId, collection.name, logLimit, ids.length, ...looking, ...ids];
  const [fence, rows] = (await connection.script(script, keys, args)) as [Buffer, Buffer[][]];
  return { fence: validFence(context, fence.toString() || null, collection.name), rows };
}
