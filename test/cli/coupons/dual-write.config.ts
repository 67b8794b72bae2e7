/** A configuration with a collection of the user's own, as it stands in the folder where the command is run. */
import { pgTable, text } from "drizzle-orm/pg-core";
import { defineConfig, defineRecords, syncColumns } from "dual-write-store";

enum Keys {
  coupon = "coupon",
}

export default defineConfig({
  keyPrefix: "shop:",
  logFile: false,
  collections: {
    coupons: defineRecords<{ percent: number }>({
      name: "coupons",
      redis: { key: (code, { prefix }) => `${prefix}${Keys.coupon}:${code}` },
      postgres: { table: pgTable("coupons", { code: text("code").primaryKey(), ...syncColumns() }) },
    }),
  },
});
