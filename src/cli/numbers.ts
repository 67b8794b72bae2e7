/** Numbers given as options. */
import { InvalidArgumentError } from "commander";

/** @throws InvalidArgumentError, which commander tells with the option's name */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number from 1.");
  return value;
}

/** @throws InvalidArgumentError */
export function wholeNumberFromZero(text: string): number {
  return text === "0" ? 0 : wholeNumber(text);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes, such as `500000`, `512MB` or `2 GiB`; each unit is 1024 of the one before. @throws InvalidArgumentError */
export function byteSize(text: string): number {
  const [, figure, unit = ""] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  const size = Math.round(Number(figure) * (UNITS[unit.toLowerCase()] ?? Number.NaN));
  if (!Number.isSafeInteger(size)) throw new InvalidArgumentError("It must be a size such as 512MB or 2GB.");
  return size;
}
