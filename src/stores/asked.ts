/** What a server was asked about itself: managed ones refuse to tell some of it. */
import { describe } from "./guard.js";

export type Asked<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly reason: string };

export async function ask<T>(question: () => PromiseLike<T>): Promise<Asked<T>> {
  try {
    return { known: true, value: await question() };
  } catch (error) {
    return { known: false, reason: describe(error) };
  }
}
