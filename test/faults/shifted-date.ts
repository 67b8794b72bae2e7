/** Preloaded by a process whose clock shall be off: every Date that names no moment is CLOCK_SHIFT_MS milliseconds ahead. */
const shift = Number(process.env.CLOCK_SHIFT_MS);
const Real = Date;

class ShiftedDate extends Real {
  constructor(...given: [] | [value: number | string | Date]) {
    if (given.length === 0) super(Real.now() + shift);
    else super(...given);
  }

  static override now(): number {
    return Real.now() + shift;
  }
}

// Dates made from parts (year, month, …) are moments that somebody names, too.
globalThis.Date = new Proxy(ShiftedDate, {
  construct: (target, given, newTarget) =>
    given.length > 1 ? Reflect.construct(Real, given, newTarget) : Reflect.construct(target, given, newTarget),
  apply: () => new ShiftedDate().toString(),
}) as DateConstructor;
