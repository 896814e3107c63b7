"""How the report looks: on a phone, on a desk, in the dark, on paper. Shape tells, not colour."""

from __future__ import annotations

__all__ = ["STYLE", "SYMBOLS"]

SYMBOLS = (
    '<svg class="defs" aria-hidden="true"><defs>'
    '<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="ink" width="1.6" height="5"/></pattern>'
    '<symbol id="operated" viewBox="0 0 20 20"><rect class="box ok" x="1" y="1" width="18" '
    'height="18"/><circle class="mark" cx="10" cy="10" r="3"/></symbol>'
    '<symbol id="exception" viewBox="0 0 20 20"><rect class="full" x="1" y="1" width="18" '
    'height="18"/><rect class="paper" x="8.5" y="4" width="3" height="8"/>'
    '<rect class="paper" x="8.5" y="14" width="3" height="3"/></symbol>'
    '<symbol id="no-data" viewBox="0 0 20 20"><rect class="box" x="1" y="1" width="18" '
    'height="18"/><rect class="hatched" x="1" y="1" width="18" height="18"/></symbol>'
    '<symbol id="not-run" viewBox="0 0 20 20"><rect class="box" x="1" y="1" width="18" '
    'height="18"/><path class="cross" d="M4 4L16 16M16 4L4 16"/></symbol>'
    '<symbol id="late" viewBox="0 0 20 20"><rect class="box" x="1" y="1" width="18" '
    'height="18"/><path class="half" d="M1 19L19 1V19Z"/></symbol>'
    "</defs></svg>"
)

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --soft: #565d69; --line: #d0d4da;
  --wash: #f3f5f7; --ok: #2c6e49; --okwash: #e3f0e8; --bad: #a3211a; --odd: #7a5200;
  --link: #1d4f87; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #16181c; --soft: #a9afb9;
  --line: #3a3f47; --wash: #1f2228; --ok: #8fd0ac; --okwash: #1d3227; --bad: #ff9187;
  --odd: #e5b566; --link: #9cc4f0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1rem; }
h1 { margin: 0.5rem 0 0.25rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.75rem 0 0.5rem; padding-top: 0.75rem; border-top: 2px solid var(--ink);
  font-size: 1.25rem; }
h3 { margin: 1.5rem 0 0.25rem; font-size: 1rem; }
p, ul, dl { margin: 0.4rem 0; max-width: 46rem; }
ul { padding-left: 1.2rem; }
p, li, td, tbody th, h3 { overflow-wrap: anywhere; }
.num, .time { white-space: nowrap; overflow-wrap: normal; }
a { color: var(--link); }
code, pre { font: 0.8125rem/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; background: var(--wash); border: 1px solid var(--line);
  white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 0.75rem 0; font-size: 0.875rem; }
caption { padding: 0.25rem 0; text-align: left; font-weight: 600; }
th, td { padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 400; }
.num { text-align: right; }
th.num { white-space: normal; }
.lead { font-size: 1.0625rem; }
.soft { color: var(--soft); }
.told { padding: 0.5rem 0.75rem; border: 1px solid var(--line); border-left: 6px solid var(--odd);
  background: var(--wash); max-width: 46rem; }
.told.bad { border-left-color: var(--bad); }
.told.good { border-left-color: var(--ok); }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; padding: 0; list-style: none;
  font-size: 0.875rem; max-width: none; }
.legend li { display: flex; gap: 0.4rem; align-items: center; }
.state { width: 1.1rem; height: 1.1rem; flex: none; vertical-align: -3px; }
.defs { position: absolute; width: 0; height: 0; }
.box { fill: var(--paper); stroke: var(--soft); stroke-width: 1.2; }
.box.ok { fill: var(--okwash); stroke: var(--ok); }
.mark { fill: var(--ok); }
.full { fill: var(--bad); }
.paper { fill: var(--paper); }
.ink { fill: var(--soft); }
.hatched { fill: url(#hatch); }
.cross { stroke: var(--ink); stroke-width: 2.4; fill: none; }
.half { fill: var(--odd); }
.cal { table-layout: fixed; max-width: 54rem; margin-bottom: 1.5rem; }
.cal th, .cal td { border: 0; padding: 0; text-align: center; line-height: 0; }
.cal .day { padding-bottom: 0.2rem; font-size: 0.6875rem; line-height: 1.3; color: var(--soft);
  font-weight: 400; }
.cal .of { padding: 0.4rem 0 0.1rem; text-align: left; font-size: 0.875rem; line-height: 1.3; }
.cal svg { width: 100%; height: auto; aspect-ratio: 1; padding: 1px; }
.cal a { display: block; }
.plot { display: block; width: 100%; height: auto; max-width: 54rem; }
.strip { margin: 0.6rem 0 0.1rem; font-size: 0.875rem; color: var(--soft); }
.axis { stroke: var(--line); stroke-width: 1; }
.dot { fill: var(--ok); }
.ring { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
.miss { stroke: var(--bad); stroke-width: 2; fill: none; }
.gap { fill: var(--ink); }
.band { fill: var(--okwash); stroke: var(--line); }
.case { padding: 0.5rem 0; border-bottom: 1px solid var(--line); }
.case h3 { margin: 0.25rem 0; }
.case:target { outline: 2px solid var(--link); outline-offset: 4px; }
.file, .author { min-width: 8.5rem; }
.hash { font-family: ui-monospace, monospace; font-size: 0.75rem; }
@media (max-width: 45rem) {
  .wide thead { display: none; }
  .wide tr { display: block; padding: 0.4rem 0; border-bottom: 1px solid var(--line); }
  .wide td, .wide th { display: block; padding: 0; border: 0; text-align: left; }
  .wide .num { display: inline-block; margin-right: 0.9rem; }
  .wide td[data-of]::before, .wide th[data-of]::before { content: attr(data-of) " ";
    color: var(--soft); }
  .cal .day { font-size: 0.625rem; white-space: nowrap; }
  .cal .day:not(:first-child, :nth-child(5n)) { visibility: hidden; }
}
@media print {
  @page { margin: 16mm 14mm; }
  :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #444; --line: #bbb;
    --wash: #f6f6f6; --ok: #2c6e49; --okwash: #eef5f0; --bad: #8c1a14; --odd: #7a5200;
    --link: #000; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  h2 { margin-top: 1.5rem; }
  h2, h3, caption { break-after: avoid; }
  .case:not(.about), tr, .cal, figure, pre, .told { break-inside: avoid; }
  a { text-decoration: none; }
}
"""
