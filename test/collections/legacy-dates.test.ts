import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkZone, formatLegacyDate, parseLegacyDate } from "../../src/collections/legacy-dates.js";
import { ConfigurationError, ValidationError } from "../../src/errors.js";

const iso = (text: unknown, zone?: string) => parseLegacyDate(text, zone)?.toISOString() ?? null;

describe("legacy date-times", () => {
  it.each([
    ["2026-11-20T09:30:00.123456", "2026-11-20T09:30:00.123Z"],
    ["2026-11-20 09:30:00.123456", "2026-11-20T09:30:00.123Z"],
    ["2026-11-20T09:30:00", "2026-11-20T09:30:00.000Z"],
    ["2026-11-20 09:30", "2026-11-20T09:30:00.000Z"],
    ["2026-11-20", "2026-11-20T00:00:00.000Z"],
    ["2026-11-20T09:30:00.5", "2026-11-20T09:30:00.500Z"],
    ["2026-11-20T09:30:00.999999", "2026-11-20T09:30:00.999Z"],
    ["2026-11-20T09:30:00Z", "2026-11-20T09:30:00.000Z"],
    ["2026-11-20T09:30:00.123456+00:00", "2026-11-20T09:30:00.123Z"],
    ["2026-11-20T09:30:00+02:00", "2026-11-20T07:30:00.000Z"],
    ["2026-11-20 09:30:00-0530", "2026-11-20T15:00:00.000Z"],
    ["2024-02-29T00:00:00", "2024-02-29T00:00:00.000Z"],
    ["0001-01-01T00:00:00", "0001-01-01T00:00:00.000Z"],
  ])("reads %s", (text, expected) => {
    expect(iso(text)).toBe(expected);
  });

  // biome-ignore format: a list
  it.each([
    "", "soon", "2026-11-20T", "2026-13-01T00:00:00", "2026-02-30T00:00:00", "2026-00-10", "2025-02-29", "2026-11-20T24:00:00",
    "2026-11-20T09:60:00", "2026-11-20T09:30:61", "2026-11-20T09:30:00+25:00", "0000-01-01T00:00:00", "1763631000", "20261120",
    1763631000, null, undefined, true, {}, [],
  ])("finds no date in %j", (value) => {
    expect(parseLegacyDate(value)).toBeNull();
  });

  it("takes what carries no offset for local time of the zone, summer and winter", () => {
    expect(iso("2026-07-01T12:00:00", "Europe/Berlin")).toBe("2026-07-01T10:00:00.000Z");
    expect(iso("2026-12-01T12:00:00", "Europe/Berlin")).toBe("2026-12-01T11:00:00.000Z");
    expect(iso("2026-12-01T12:00:00", "Asia/Kolkata")).toBe("2026-12-01T06:30:00.000Z");
    expect(iso("2026-12-01T12:00:00+01:00", "Asia/Kolkata")).toBe("2026-12-01T11:00:00.000Z");
  });

  it("takes the first of two instants that the clocks show alike, as Python does", () => {
    expect(iso("2026-10-25T02:30:00", "Europe/Berlin")).toBe("2026-10-25T00:30:00.000Z");
    expect(iso("2026-11-01T01:30:00", "America/New_York")).toBe("2026-11-01T05:30:00.000Z");
  });

  it("reads a time that the clocks left out with the offset before the change, as Python does", () => {
    expect(iso("2026-03-29T02:30:00", "Europe/Berlin")).toBe("2026-03-29T01:30:00.000Z");
  });

  it("writes as isoformat does: without a fraction where it is zero, else with six digits", () => {
    expect(formatLegacyDate(Date.UTC(2026, 10, 20, 9, 30))).toBe("2026-11-20T09:30:00");
    expect(formatLegacyDate(Date.UTC(2026, 10, 20, 9, 30, 0, 7))).toBe("2026-11-20T09:30:00.007000");
    expect(formatLegacyDate(new Date(Date.UTC(2026, 6, 1)), "Asia/Kolkata")).toBe("2026-07-01T05:30:00");
  });

  it("reads what it wrote, in zones that don't change their clocks", () => {
    const moments = fc.integer({ min: 0, max: Date.UTC(9998, 0, 1) });
    fc.assert(
      fc.property(moments, fc.constantFrom("UTC", "Asia/Kolkata", "Asia/Tokyo"), (moment, zone) => {
        expect(parseLegacyDate(formatLegacyDate(moment, zone), zone)?.getTime()).toBe(moment);
      }),
    );
  });

  it("refuses to write what Python can't read", () => {
    expect(() => formatLegacyDate(Number.NaN)).toThrow(ValidationError);
    expect(() => formatLegacyDate(8.64e15)).toThrow(ValidationError);
  });

  it("knows time zones by their IANA names only", () => {
    expect(checkZone("America/Sao_Paulo")).toBe("America/Sao_Paulo");
    expect(() => checkZone("Mars/Olympus")).toThrow(ConfigurationError);
  });
});
