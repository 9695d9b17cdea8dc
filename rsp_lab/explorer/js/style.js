// Colours and type come from the host's theme through --st-* variables; without a host, from the reader's system.
export const STYLE = `
.rsp {
  --ink: var(--st-text-color, CanvasText);
  --paper: var(--st-background-color, Canvas);
  --panel: var(--st-secondary-background-color, color-mix(in srgb, CanvasText 6%, Canvas));
  --line: var(--st-border-color, color-mix(in srgb, CanvasText 20%, Canvas));
  --accent: var(--st-primary-color, #2F5FD0);
  --quiet: color-mix(in srgb, var(--ink) 68%, var(--paper));
  color: var(--ink);
  font: 13px/1.35 var(--st-font, system-ui, sans-serif);
  font-variant-numeric: tabular-nums;
}
.rsp * { box-sizing: border-box; }
.rsp canvas { display: block; }
.rsp-top { display: grid; grid-template-columns: auto auto minmax(190px, 1fr); gap: 6px 16px; }
.rsp figure { margin: 0; min-width: 0; }
.rsp figcaption { display: flex; justify-content: space-between; gap: 8px; height: 20px; white-space: nowrap; }
.rsp figcaption b { font-weight: 600; }
.rsp figcaption span { color: var(--quiet); overflow: hidden; text-overflow: ellipsis; }
.rsp-photo { position: relative; border-radius: 4px; overflow: hidden; cursor: crosshair; touch-action: pan-y; }
.rsp-photo canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.rsp-photo:focus-visible, .rsp button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.rsp aside { display: flex; flex-direction: column; gap: 10px; min-width: 0; }
.rsp-where { font-size: 15px; font-weight: 600; }
.rsp-where small { font-weight: 400; font-size: 12px; color: var(--quiet); margin-left: 6px; }
.rsp table { border-collapse: collapse; width: 100%; }
.rsp td { padding: 1px 0; vertical-align: top; overflow-wrap: anywhere; }
.rsp td:first-child { color: var(--quiet); padding-right: 10px; }
.rsp-chip { display: inline-block; width: 11px; height: 11px; margin-right: 6px; border-radius: 2px;
  border: 1px solid color-mix(in srgb, var(--ink) 35%, transparent); vertical-align: -1px; }
.rsp-classes { display: flex; flex-wrap: wrap; gap: 1px 10px; margin-top: 8px; color: var(--quiet); font-size: 11px; }
.rsp-classes .rsp-chip { margin-right: 4px; }
.rsp-classes .on { color: var(--ink); font-weight: 600; }
.rsp label { display: flex; align-items: center; gap: 8px; color: var(--quiet); }
.rsp input[type=range] { flex: 1; min-width: 60px; accent-color: var(--accent); }
.rsp-controls { display: flex; flex-direction: column; gap: 8px; }
.rsp-outlines[hidden] { display: none; }
.rsp-outlines label { color: var(--ink); }
.rsp-outlines input { margin: 0; accent-color: var(--accent); }
.rsp-outlines ul { list-style: none; margin: 4px 0 0; padding: 0; font-size: 12px; color: var(--quiet); }
.rsp-outlines li { display: flex; align-items: baseline; gap: 8px; line-height: 1.3; padding: 1px 0; }
.rsp-outlines li canvas { flex: none; border-radius: 2px; transform: translateY(2px); }
.rsp-strip { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 12px; margin-top: 10px; }
.rsp-step { min-width: 0; border-top: 1px solid var(--line); padding-top: 4px; }
.rsp-step button { display: flex; align-items: center; gap: 8px; width: 100%; height: 22px; padding: 0; border: 0;
  background: none; color: inherit; font: inherit; cursor: pointer; text-align: left; white-space: nowrap; }
.rsp-step button canvas { flex: none; }
.rsp-step button b { font-weight: 600; }
.rsp-step button span { color: var(--quiet); overflow: hidden; text-overflow: ellipsis; }
.rsp-step[data-active="1"] { border-top: 3px solid var(--level); padding-top: 2px; }
.rsp-hint { margin: auto 0 0; font-size: 12px; color: var(--quiet); min-height: 4em; }
.rsp-pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 4px 8px; }
.rsp-pair canvas { width: 100%; max-width: 122px; aspect-ratio: 1; border-radius: 3px; }
.rsp-pair p { margin: 2px 0 0; font-size: 12px; line-height: 1.3; color: var(--quiet);
  overflow-wrap: anywhere; }
.rsp-problem { padding: 12px; border: 1px solid var(--line); border-radius: 6px; }
.rsp[data-width=medium] .rsp-top { grid-template-columns: auto auto; }
.rsp[data-width=medium] aside { grid-column: 1 / -1; flex-flow: row wrap; gap: 10px 32px; }
.rsp[data-width=medium] aside > * { flex: 1 1 220px; }
.rsp:not([data-width=wide]) .rsp-hint { flex-basis: 100%; min-height: 0; }
.rsp[data-width=narrow] .rsp-top { grid-template-columns: minmax(0, 1fr); }
.rsp[data-width=narrow] .rsp-strip { grid-template-columns: repeat(2, minmax(0, 1fr)); }
.rsp[data-width=narrow] .rsp-pair { gap: 4px 6px; }
.rsp[data-width=narrow] .rsp-pair p { font-size: 11px; }
.rsp[data-width=narrow] .rsp-step button span { display: none; }
`;
