/** Numbers given as options. */
import { InvalidArgumentError } from "commander";

/** @throws InvalidArgumentError, which commander tells with the option's name */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number from 1.");
  return value;
}
