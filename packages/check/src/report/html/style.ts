/** The style of the page. Colours are variables: one set for light, one for dark. */
export const style = `
:root {
  --bg: #f7f7fa; --panel: #ffffff; --raised: #f1f1f6; --line: #e3e3ec; --text: #1c1c28; --dim: #636377; --accent: #5b4bdb;
  --accent-soft: #ecebfd; --turn: #6d5ef0; --chat: #1f8fe0; --tool: #e09a1f; --task: #6f6f88; --other: #9aa5b5;
  --error: #c9203a; --error-soft: #fdecee; --warn: #9a5b00; --warn-soft: #fff3dc; --good: #0f7542; --shadow: 0 1px 2px #0000000f, 0 4px 16px #0000000a;
}
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) {
  --bg: #101018; --panel: #181822; --raised: #20202d; --line: #2c2c3c; --text: #ececf4; --dim: #9a9ab0; --accent: #a99cff;
  --accent-soft: #2a2550; --turn: #9385ff; --chat: #4fb0f5; --tool: #f0b64a; --task: #85859c; --other: #6d7889;
  --error: #ff6b7d; --error-soft: #3a1820; --warn: #f5b95c; --warn-soft: #35270f; --good: #4cc98a; --shadow: none;
} }
:root[data-theme=dark] {
  --bg: #101018; --panel: #181822; --raised: #20202d; --line: #2c2c3c; --text: #ececf4; --dim: #9a9ab0; --accent: #a99cff;
  --accent-soft: #2a2550; --turn: #9385ff; --chat: #4fb0f5; --tool: #f0b64a; --task: #85859c; --other: #6d7889;
  --error: #ff6b7d; --error-soft: #3a1820; --warn: #f5b95c; --warn-soft: #35270f; --good: #4cc98a; --shadow: none; color-scheme: dark;
}
:root[data-theme=light] { color-scheme: light; }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { background: var(--bg); color: var(--text); font: 14px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; -webkit-font-smoothing: antialiased; }
button, input { font: inherit; color: inherit; }
.mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12.5px; }
.dim { color: var(--dim); }
.finding .dim { color: inherit; opacity: .75; }
#app { display: grid; height: 100%; grid-template: auto minmax(0, 1fr) auto / 300px minmax(0, 1fr); }
#app.detailed { grid-template-columns: 300px minmax(0, 1fr) 400px; }
header { grid-column: 1 / -1; display: flex; align-items: center; gap: 20px; padding: 10px 18px; background: var(--panel); border-bottom: 1px solid var(--line); }
header h1 { display: flex; gap: 9px; align-items: center; margin: 0; font-size: 15px; font-weight: 650; letter-spacing: -.01em; }
header h1::before { content: ''; width: 16px; height: 16px; border-radius: 5px; background: linear-gradient(135deg, var(--turn), var(--chat)); }
.facts { display: flex; gap: 16px; color: var(--dim); white-space: nowrap; }
.facts b { color: var(--text); font-weight: 600; font-variant-numeric: tabular-nums; }
header input { flex: 1; min-width: 120px; max-width: 420px; margin-left: auto; padding: 7px 12px; border: 1px solid var(--line); border-radius: 8px; background: var(--bg); }
.button { padding: 6px 10px; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); cursor: pointer; }
.button:hover { background: var(--raised); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -1px; }
nav { overflow: auto; border-right: 1px solid var(--line); background: var(--panel); }
.filters { position: sticky; top: 0; z-index: 1; display: flex; gap: 6px; padding: 10px 12px; background: var(--panel); border-bottom: 1px solid var(--line); }
.filters button { padding: 3px 10px; border: 1px solid var(--line); border-radius: 99px; background: none; cursor: pointer; font-size: 12.5px; }
.filters button[aria-pressed=true] { background: var(--accent-soft); border-color: transparent; color: var(--accent); font-weight: 600; }
.conversation { display: block; width: 100%; padding: 10px 14px; border: 0; border-bottom: 1px solid var(--line); background: none; text-align: left; cursor: pointer; }
.conversation:hover { background: var(--raised); }
.conversation[aria-current=true] { background: var(--accent-soft); box-shadow: inset 3px 0 var(--accent); }
.conversation .name { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }
.conversation .meta { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: center; margin-top: 2px; color: var(--dim); font-size: 12.5px; }
.badge { padding: 0 7px; border-radius: 99px; font-size: 11.5px; font-weight: 650; line-height: 18px; white-space: nowrap; }
.badge.error { background: var(--error-soft); color: var(--error); }
.badge.warn { background: var(--warn-soft); color: var(--warn); }
.badge.failed { box-shadow: inset 0 0 0 1px var(--error); color: var(--error); }
.badge.good { color: var(--good); padding: 0; }
main { display: flex; flex-direction: column; min-width: 0; }
.loose { flex: none; max-height: 34%; padding: 6px 20px; border-bottom: 1px solid var(--line); overflow: auto; }
.title { padding: 16px 20px 12px; }
.title h2 { margin: 0 0 4px; overflow-wrap: anywhere; font-size: 18px; font-weight: 650; letter-spacing: -.01em; }
.title .facts { font-size: 13px; flex-wrap: wrap; gap: 4px 16px; }
.strip { position: relative; height: 44px; margin: 0 20px 12px; border: 1px solid var(--line); border-radius: 10px; background: var(--panel); box-shadow: var(--shadow); overflow: hidden; }
.strip button { position: absolute; top: 8px; height: 26px; min-width: 18px; padding: 0; border: 0; border-radius: 5px; background: var(--turn); color: var(--panel); font-size: 11px; font-weight: 650; cursor: pointer; overflow: hidden; }
.strip button.task, .strip button.spans { background: var(--task); height: 14px; top: 14px; }
.strip button.error { background: var(--error); }
.strip button[aria-current=true] { box-shadow: 0 0 0 2px var(--panel), 0 0 0 4px var(--accent); }
.rows { position: relative; flex: 1; min-height: 0; overflow: auto; border-top: 1px solid var(--line); background: var(--panel); outline-offset: -2px; }
.canvas { position: relative; min-width: 520px; }
.row { position: absolute; left: 0; right: 0; display: grid; grid-template-columns: minmax(220px, 42%) 1fr; height: 28px; align-items: center; cursor: default; }
.row:hover { background: var(--raised); }
.row.selected { background: var(--accent-soft); }
.row.part { background: var(--raised); border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); font-weight: 600; }
.row.part.selected { background: var(--accent-soft); }
.row.match .label { background: var(--warn-soft); border-radius: 3px; }
.row.found.error { box-shadow: inset 3px 0 var(--error); }
.row.found.warn { box-shadow: inset 3px 0 var(--warn); }
.cell { display: flex; gap: 7px; align-items: center; min-width: 0; padding: 0 10px 0 14px; overflow: hidden; white-space: nowrap; }
.row.part .cell:last-child { justify-content: flex-end; gap: 14px; color: var(--dim); font-weight: 400; font-size: 12.5px; }
.twist { flex: none; width: 12px; color: var(--dim); text-align: center; }
.dot { flex: none; width: 8px; height: 8px; border-radius: 3px; background: var(--other); }
.dot.invoke_agent, .dot.invoke_workflow, .dot.create_agent, .bar.invoke_agent, .bar.invoke_workflow, .bar.create_agent { background: var(--turn); }
.dot.chat, .bar.chat { background: var(--chat); }
.dot.execute_tool, .bar.execute_tool { background: var(--tool); }
.dot.task, .bar.task { background: var(--task); }
.label { flex: 0 1 auto; min-width: 3em; overflow: hidden; text-overflow: ellipsis; }
.row .badge { flex: 0 100 auto; min-width: 34px; overflow: hidden; text-overflow: ellipsis; }
.track { position: relative; height: 100%; margin-right: 84px; }
.bar { position: absolute; top: 9px; height: 10px; min-width: 2px; border-radius: 3px; background: var(--other); }
.bar.failed { background: var(--error); }
.took { position: absolute; top: 4px; margin-left: 6px; color: var(--dim); font-size: 11.5px; font-variant-numeric: tabular-nums; white-space: nowrap; }
aside { overflow: auto; border-left: 1px solid var(--line); background: var(--panel); padding: 16px 18px 40px; }
aside h3 { margin: 0 0 2px; font-size: 15px; overflow-wrap: anywhere; }
aside h4 { margin: 20px 0 6px; font-size: 11.5px; font-weight: 650; letter-spacing: .05em; text-transform: uppercase; color: var(--dim); }
aside .close { position: sticky; top: 0; float: right; margin: -4px 0 8px 12px; padding: 2px 9px; }
aside .finding { clear: both; }
dl { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 3px 12px; margin: 0; }
dt { color: var(--dim); overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.finding { margin: 10px 0; padding: 10px 12px; border-radius: 8px; background: var(--error-soft); border-left: 3px solid var(--error); overflow-wrap: anywhere; }
.finding.warn { background: var(--warn-soft); border-color: var(--warn); }
.finding p { margin: 4px 0 0; }
.link { padding: 0; border: 0; background: none; color: var(--accent); cursor: pointer; text-decoration: underline; text-underline-offset: 2px; }
footer { grid-column: 1 / -1; display: flex; gap: 16px; padding: 5px 18px; border-top: 1px solid var(--line); background: var(--panel); color: var(--dim); font-size: 12px; white-space: nowrap; overflow: hidden; }
kbd { padding: 0 5px; border: 1px solid var(--line); border-radius: 4px; background: var(--raised); font: inherit; font-size: 11px; }
.empty { padding: 40px 20px; color: var(--dim); text-align: center; }
@media (max-width: 1000px) { header .facts { display: none; } #app.detailed { grid-template-columns: 220px minmax(0, 1fr) 320px; } #app { grid-template-columns: 220px minmax(0, 1fr); } }
@media (max-width: 700px) {
  #app, #app.detailed { grid-template: auto minmax(0, 30%) minmax(0, 1fr) / minmax(0, 1fr); }
  header h1 { display: none; }
  nav { border-right: 0; border-bottom: 1px solid var(--line); }
  aside { position: fixed; inset: 40% 0 0; z-index: 2; border-top: 1px solid var(--line); box-shadow: 0 -4px 24px #0003; }
  footer { display: none; }
}
@media print {
  #app, main { display: block; height: auto; }
  nav, aside, .rows { overflow: visible; }
  .canvas { height: auto !important; }
  .row { position: static; break-inside: avoid; }
  .bar, .dot, .badge, .finding, .strip button { print-color-adjust: exact; }
}
`;
