/** Date-times as the legacy programs write them: Python's `isoformat`, usually without a zone. */
import { ConfigurationError, ValidationError } from "../errors.js";

export const DEFAULT_ZONE = "UTC";

const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:\s?(Z|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?))?)?$/i;

/**
 * Reads `2026-11-20T09:30:00.123456`, the same with a blank for the `T`, without the fraction, with an offset or `Z`, or
 * the date alone. What carries no offset is local time of `zone`, an IANA name; of a time that the clocks show twice the
 * first is meant, as in Python. What lies beyond the millisecond is cut off.
 *
 * @returns null for anything else, also for a 30th of February.
 */
export function parseLegacyDate(value: unknown, zone: string = DEFAULT_ZONE): Date | null {
  if (typeof value !== "string") return null;
  const match = DATE_TIME.exec(value.trim());
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (year < 1 || hour > 23 || minute > 59 || second > 59) return null;
  const wall = wallClock(year, month, day, hour, minute, second, Number((match[7] ?? "").padEnd(3, "0").slice(0, 3)));
  const check = new Date(wall);
  if (check.getUTCMonth() !== month - 1 || check.getUTCDate() !== day) return null;
  const offset = match[8];
  if (offset === undefined) return new Date(instantOf(wall, zone));
  const explicit = parseOffset(offset);
  return explicit === null ? null : new Date(wall - explicit);
}

/**
 * Writes a moment as Python's `datetime.isoformat()` does for local time of `zone`: `2026-11-20T09:30:00.123000`, without a
 * fraction where it is zero, without an offset.
 *
 * @throws ValidationError for a moment outside the years 1 to 9999, which Python can't read back.
 */
export function formatLegacyDate(moment: Date | number, zone: string = DEFAULT_ZONE): string {
  const instant = Number(moment);
  const wall = new Date(instant + (Number.isFinite(instant) ? zoneOffset(instant, zone) : 0));
  const year = wall.getUTCFullYear();
  if (!(year >= 1 && year <= 9999))
    throw new ValidationError([{ path: "", message: "a date has to lie in the years 1 to 9999" }]);
  const [seconds = "", fraction = ""] = wall.toISOString().slice(0, -1).split(".");
  return fraction === "000" ? seconds : `${seconds}.${fraction}000`;
}

/** Gives the zone back. @throws ConfigurationError for one that isn't an IANA name. */
export function checkZone(zone: string): string {
  try {
    formatterOf(zone);
    return zone;
  } catch {
    throw new ConfigurationError([
      { path: "zone", message: `"${zone}" isn't a time zone; give an IANA name such as "UTC" or "Europe/Berlin"` },
    ]);
  }
}

/** Milliseconds of the clock on the wall, as if it were UTC. */
function wallClock(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  ms: number,
): number {
  const date = new Date(0);
  // Date.UTC would take a year below 100 for one of the 20th century.
  date.setUTCFullYear(year, month - 1, day);
  return date.setUTCHours(hour, minute, second, ms);
}

function parseOffset(text: string): number | null {
  if (/^z$/i.test(text)) return 0;
  const digits = text.slice(1).replaceAll(":", "");
  const [hours, minutes, seconds] = [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 6)].map(Number) as [
    number,
    number,
    number,
  ];
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  return (text.startsWith("-") ? -1 : 1) * ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

const DAY_MS = 86_400_000;

/**
 * The instant at which the clocks of `zone` showed `wall`. Around a change of the clocks it is read with the offset before
 * the change, if that is possible: the first of two such instants, and in the hour left out what Python makes of it.
 */
function instantOf(wall: number, zone: string): number {
  if (zone === DEFAULT_ZONE) return wall;
  const before = zoneOffset(wall - DAY_MS, zone);
  const after = zoneOffset(wall + DAY_MS, zone);
  if (before === after || zoneOffset(wall - before, zone) === before) return wall - before;
  return zoneOffset(wall - after, zone) === after ? wall - after : wall - before;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(zone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formatters.set(zone, formatter);
  }
  return formatter;
}

/** By how many milliseconds the clocks of `zone` are ahead of UTC at an instant. */
function zoneOffset(instant: number, zone: string): number {
  if (zone === DEFAULT_ZONE) return 0;
  const parts = Object.fromEntries(
    formatterOf(zone)
      .formatToParts(instant)
      .map((part) => [part.type, part.value]),
  );
  const year = parts.era === "BC" ? 1 - Number(parts.year) : Number(parts.year);
  const shown = wallClock(
    year,
    Number(parts.month),
    Number(parts.day),
    Number(parts.hour),
    Number(parts.minute),
    Number(parts.second),
    0,
  );
  return shown - Math.floor(instant / 1000) * 1000;
}
