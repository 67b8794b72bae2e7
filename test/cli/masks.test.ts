/** What a log file may not hold. */
import { describe, expect, test } from "vitest";
import { maskText } from "../../src/cli/masks.js";

describe("an address is masked", () => {
  test.each([
    ["2001:db8:85a3:8d3:1319:8a2e:370:7348", "threadr:usage:ip:", ":daily:2026-11-21"],
    ["2001:db8::1", "threadr:usage:ip:", ":daily:2026-11-21"],
    ["2001:DB8::", "threadr:premium:ip:", ""],
    ["fe80::1", "threadr:premium:ip:", "%eth0 refused"],
    ["::1", "no answer of ", ", which is down"],
    ["10.1.2.3", "threadr:usage:ip:", ":monthly:2026-11"],
    ["ann@example.org", 'the key "threadr:email:', '" is cut'],
  ])("%s, and what stands around it is left", (address, before, after) => {
    const masked = maskText(`${before}${address}${after}`);
    expect(masked).not.toContain(address);
    expect(masked.replace(/#[0-9a-f]{12}/, "*")).toBe(`${before}*${after}`);
  });

  test("also one of version 4 in the form of version 6", () => {
    expect(maskText("ip ::ffff:10.1.2.3 used")).not.toMatch(/10\.1|ffff/);
  });
});

test.each([
  "12:30:45.123 and 2026-11-21T09:30:00.000Z",
  "'{}'::jsonb and SELECT 1::bigint",
  "02:42:ac:11:00:02",
  "Error: a: b",
  "redis://h:6379/0 and postgres://[2001:db8::1]:5432/app",
])("is no address, or the operator's own server: %s", (text) => {
  expect(maskText(text)).toBe(text);
});
