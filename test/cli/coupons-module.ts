/** What `--collections` names: a module with collections of the user's own. */
import { pgTable, text } from "drizzle-orm/pg-core";
import { defineRecords, syncColumns } from "../../src/index.js";

export const collections = {
  coupons: defineRecords<{ percent: number }>({
    name: "coupons",
    redis: { key: (code, { prefix }) => `${prefix}coupon:${code}` },
    postgres: { table: pgTable("coupons", { code: text("code").primaryKey(), ...syncColumns() }) },
  }),
};
