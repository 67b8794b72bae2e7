/** What every Redis operation needs. */
import type { Fence } from "../store.js";
import { parseFence, toPortFence } from "./fence.js";
import type { RedisConnection } from "./redis-connection.js";

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
export function validFence(context: RedisContext, text: string | null, collection?: string): Fence | null {
  const fence = parseFence(text);
  return fence && fence.runId === context.connection.runId ? toPortFence(fence, collection) : null;
}
