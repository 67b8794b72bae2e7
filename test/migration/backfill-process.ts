/** A backfill in a process of its own, slow enough to be killed on the way. */
import { Migration } from "../../src/migration/migration.js";

const [redis, postgres] = process.argv.slice(2);
const migration = await Migration.open({ redis, postgres });
await migration.backfill({ pageSize: 10, rate: 400 });
await migration.close();
