/** How the pages look. */

/** Colours of the categories in pictures: `fill-1` and so on, and those with a meaning. */
export const STYLE = `
:root { --bg:#f5f6f8; --card:#fff; --ink:#1c2430; --muted:#5c6878; --line:#e2e6ec; --accent:#2f6fde;
  --critical:#c0344f; --high:#cf7f17; --medium:#2a8c80; --low:#7b8798; --good:#2c8a4b; --bad:#c0344f; --soft:#eef2f8;
  --c1:#2f6fde; --c2:#2a8c80; --c3:#cf7f17; --c4:#8a5bd1; --c5:#c0344f; --c6:#5f7d2c; --c7:#b0559a; --c8:#7b8798; }
@media (prefers-color-scheme: dark) { :root { --bg:#11151b; --card:#1a2029; --ink:#e5e9ef; --muted:#9ba6b5; --line:#2d3542;
  --accent:#77a7ff; --critical:#ff7288; --high:#f1b45c; --medium:#55c5b7; --low:#94a1b4; --good:#62cf85; --bad:#ff7288; --soft:#222a35;
  --c1:#77a7ff; --c2:#55c5b7; --c3:#f1b45c; --c4:#b795f5; --c5:#ff7288; --c6:#a3c26a; --c7:#e08fcb; --c8:#94a1b4; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--bg); color:var(--ink); font:15px/1.5 system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif; }
main { max-width:1180px; margin:0 auto; padding:28px 20px 60px; }
header h1 { margin:0; font-size:26px; letter-spacing:-.01em; }
header p { margin:4px 0 20px; color:var(--muted); }
section { background:var(--card); border:1px solid var(--line); border-radius:10px; padding:18px 20px; margin:16px 0; }
h2 { margin:0 0 12px; font-size:17px; } h3 { margin:18px 0 8px; font-size:14px; color:var(--muted); }
p { margin:8px 0; } .muted { color:var(--muted); } ul { margin:6px 0; padding-left:20px; }
.tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(165px,1fr)); gap:12px; margin:16px 0; }
.tile { background:var(--card); border:1px solid var(--line); border-top:3px solid var(--accent); border-radius:10px; padding:12px 14px; }
.tile.good { border-top-color:var(--good); } .tile.bad { border-top-color:var(--bad); }
.tile .name { color:var(--muted); font-size:12px; text-transform:uppercase; letter-spacing:.04em; }
.tile .figure { font-size:22px; font-weight:600; font-variant-numeric:tabular-nums; }
.tile.bad .figure { color:var(--bad); } .tile .remark { color:var(--muted); font-size:13px; }
time { white-space:nowrap; } .scroll { overflow-x:auto; } table { border-collapse:collapse; width:100%; font-size:13.5px; }
th { text-align:left; color:var(--muted); font-weight:600; border-bottom:1px solid var(--line); padding:6px 10px 6px 0; white-space:nowrap; }
td { border-bottom:1px solid var(--line); padding:6px 10px 6px 0; vertical-align:top; } tr:last-child td { border-bottom:0; }
.figure { font-variant-numeric:tabular-nums; } th.figure, td.figure { text-align:right; white-space:nowrap; }
code { font:12.5px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace; overflow-wrap:anywhere; }
td > code:only-child { display:inline-block; min-width:16ch; }
.badge { display:inline-block; padding:0 8px; border-radius:9px; font-size:12px; background:var(--soft); color:var(--ink); white-space:nowrap; }
.badge.critical { color:var(--critical); } .badge.high { color:var(--high); } .badge.medium { color:var(--medium); } .badge.low { color:var(--low); }
.badge.good { color:var(--good); } .badge.bad { color:var(--bad); font-weight:600; }
.beside { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr)); gap:8px 32px; }
figure { margin:0 0 10px; } figcaption { color:var(--muted); font-size:13px; margin-bottom:4px; }
svg { width:100%; height:auto; display:block; font:12px system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif; }
svg text { fill:var(--ink); } svg .dim { fill:var(--muted); } svg .grid { stroke:var(--line); } svg .track { fill:var(--soft); }
svg .box { fill:var(--soft); stroke:var(--line); } svg .arrow { fill:none; stroke:var(--muted); stroke-width:1.4; }
.fill-0 { fill:var(--accent); } .fill-critical { fill:var(--critical); } .fill-high { fill:var(--high); } .fill-medium { fill:var(--medium); }
.fill-low { fill:var(--low); } .fill-good { fill:var(--good); } .fill-bad { fill:var(--bad); }
.fill-1 { fill:var(--c1); } .fill-2 { fill:var(--c2); } .fill-3 { fill:var(--c3); } .fill-4 { fill:var(--c4); }
.fill-5 { fill:var(--c5); } .fill-6 { fill:var(--c6); } .fill-7 { fill:var(--c7); } .fill-8 { fill:var(--c8); }
.stroke-1 { stroke:var(--c1); } .stroke-2 { stroke:var(--c2); } .stroke-3 { stroke:var(--c3); } .stroke-4 { stroke:var(--c4); }
.stroke-5 { stroke:var(--c5); } .stroke-6 { stroke:var(--c6); } .stroke-7 { stroke:var(--c7); } .stroke-8 { stroke:var(--c8); }
svg .on-fill { fill:var(--card); font-weight:600; }
svg .series { fill:none; stroke-width:2; stroke-linejoin:round; }
@media print { body { background:#fff; } section, .tile { break-inside:avoid; } }
`;
