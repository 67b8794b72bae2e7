/** One long run in a process of its own, which prints the most memory that it ever held, in megabytes. */
import { Migration } from "../../src/migration/migration.js";

const [what, redis, postgres] = process.argv.slice(2);
const migration = await Migration.open({ redis, postgres });
const run = {
  backfill: async () => (await migration.backfill()).counts.copied,
  verify: async () => (await migration.verify()).compared,
  reverse: async () => (await migration.reverseBackfill()).copied,
}[what as string];
const records = await run?.();
await migration.close();
process.stdout.write(JSON.stringify({ records, megabytes: process.resourceUsage().maxRSS / 1024 }));
