/** Figures of the audit as both the terminal and the page show them. */
import { bytes } from "../html/figures.js";
import type { MemoryEstimate } from "./memory-sample.js";

/** `39.3 MiB ± 320 KiB`, `1.2 MiB` where all was measured, `–` where nothing was. */
export function memoryText({ bytes: estimate, errorBytes }: MemoryEstimate): string {
  if (estimate === null) return "–";
  if (errorBytes === null) return `${bytes(estimate)} ± ?`;
  return errorBytes === 0 ? bytes(estimate) : `${bytes(estimate)} ± ${bytes(errorBytes)}`;
}
