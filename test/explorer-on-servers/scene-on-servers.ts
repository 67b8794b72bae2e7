/** The course of a schedule on real servers, in real time: with deadlines that a busy machine keeps too. */
import type { Deadlines } from "../../src/engine/context.js";
import { Scene } from "../explorer/scene.js";

export class SceneOnServers extends Scene {
  override readonly deadlines: Deadlines = { read: 4000, write: 8000, mirror: 3000 };
  override readonly graceMs = 30_000;
  /** The machine itself may be slow, and then somebody may be refused. */
  override readonly quiet = false;
}
