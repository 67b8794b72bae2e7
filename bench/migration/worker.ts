/** A process of its own for what goes through the keyspace: its memory is that of the work, and whoever measures beside it isn't held up. */
import { perform, type Task, type Urls } from "./tasks.js";

process.on("message", (asked: { readonly task: Task; readonly urls: Urls }) => {
  perform(asked.task, asked.urls).then(
    (done) => process.send?.({ done }),
    (error: Error) => process.send?.({ error: error.stack ?? String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
