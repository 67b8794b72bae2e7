import { explore } from "./explore.js";

const t = performance.now();
const r = await explore({
  seed: Number(process.argv[2]),
  schedules: Number(process.argv[3]),
  ignore: ["what a handover drops is overwritten"],
});
console.log(r.schedules, r.failures, ((performance.now() - t) / 1000).toFixed(1), process.cpuUsage());
