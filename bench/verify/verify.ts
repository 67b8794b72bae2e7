/** The verify, and the audit, against the backfill of the same keyspace. */

import { plainFigure, ratioFigure } from "../figure.js";
import { checkAudit, checkBackfill, checkVerify } from "../migration/checks.js";
import { KeyspaceStage } from "../migration/keyspace-stage.js";
import { rateOf } from "../migration/tasks.js";
import { Worker } from "../migration/worker-process.js";
import type { Bench } from "../run.js";

export const benchVerify: Bench = async (run) => {
  const keys = run.keys ?? (run.quick ? 10_000 : 50_000);
  const stage = await KeyspaceStage.open();
  const worker = await Worker.start();
  const rates = { backfill: [] as number[], verify: [] as number[], audit: [] as number[] };
  try {
    for (let turn = -1; turn < Math.ceil(run.turns.count / 2); turn++) {
      // A backfill leaves the records behind that it merged other spellings into; the audit is before there are keys of the library's own.
      await stage.fill(keys);
      const audit = await worker.run({ name: "audit" }, stage.urls);
      checkAudit(stage, audit);
      const backfill = await worker.run({ name: "backfill", polite: false }, stage.urls);
      checkBackfill(stage, backfill);
      const verify = await worker.run({ name: "verify" }, stage.urls);
      checkVerify(verify);
      if (turn < 0) continue;
      for (const [name, done] of Object.entries({ backfill, verify, audit }))
        rates[name as keyof typeof rates].push(rateOf({ ...done, keys: backfill.keys }));
    }
    const heading = { bench: "verify", at: `${keys.toLocaleString("en-US")} keys`, unit: "keys a second" };
    const verifying = { ...heading, name: "verify", against: "backfill", aim: { atLeast: 0.5 } };
    run.tell(ratioFigure(verifying, rates.verify, rates.backfill));
    run.tell(plainFigure({ ...heading, name: "audit, every value read", against: null, aim: null }, rates.audit));
  } finally {
    await worker.stop();
    await stage.close();
  }
};
