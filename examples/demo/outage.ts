/** Takes a server away for a while, shorter than the write deadline, and tells how long it was gone. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Narrator } from "./narrator.js";
import type { DemoServer } from "./servers.js";

export interface Outage {
  readonly server: string;
  readonly how: string;
  /** Milliseconds from the blow until the server takes connections again. */
  readonly downMs: number;
}

/** What a write may take; an outage that isn't shorter would refuse writes, as promised, and prove nothing. */
const WRITE_DEADLINE_MS = 5000;

export async function suffer(server: DemoServer, downMs: number, narrator: Narrator): Promise<Outage> {
  const began = performance.now();
  await server.goDown();
  narrator.say(`${server.name} is gone (${server.outage}); traffic goes on.`);
  await sleep(downMs);
  await server.comeBack();
  const outage = { server: server.name, how: server.outage, downMs: Math.round(performance.now() - began) };
  narrator.say(`${server.name} takes connections again after ${outage.downMs} ms.`);
  if (outage.downMs > WRITE_DEADLINE_MS * 0.8) {
    narrator.warn(
      `That was close to the write deadline of ${WRITE_DEADLINE_MS} ms: this machine is slow, refusals may follow.`,
    );
  }
  return outage;
}
