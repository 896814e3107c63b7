"""How the page of a replay looks: on a phone, on a desk, in the dark, on paper."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --soft: #5c6370; --line: #d0d4da;
  --bar: #35618f; --range: #9dbbd8; --alarm: #b3261e; --ok: #2c6e49; --none: #8a8f98; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #16181c; --soft: #a3a9b3;
  --line: #3a3f47; --bar: #7fb0e0; --range: #3d5f80; --alarm: #ff8a80; --ok: #7fc8a0;
  --none: #8a8f98; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { margin: 0.5rem 0; font-size: 1.6rem; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.2rem; overflow-wrap: anywhere; }
p, li, td, th { overflow-wrap: anywhere; }
a { color: inherit; }
figure { margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
th, td { padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 400; }
td { font-variant-numeric: tabular-nums; }
.changes td:first-child { white-space: nowrap; }
.changes td:nth-child(2) { overflow-wrap: normal; }
.changes td:nth-child(3) { width: 42%; }
.changes td:last-child { min-width: 9rem; }
.changes tr.to-alarm td:first-child { border-left: 4px solid var(--alarm); padding-left: 0.5rem; }
.changes ul { margin: 0; padding: 0; list-style: none; }
.changes small { color: var(--soft); overflow-wrap: anywhere; }
.changes small time { white-space: nowrap; }
.account { font-variant-numeric: tabular-nums; font-weight: 600; }
.warnings { padding-left: 1.2rem; color: var(--soft); }
.legend { color: var(--soft); font-size: 0.875rem; }
.legend span { display: inline-block; margin-right: 0.75rem; white-space: nowrap; }
.legend svg { vertical-align: -2px; }
.defs { position: absolute; width: 0; height: 0; }
.chart { display: block; overflow: visible; }
.chart text { font: 12px system-ui, sans-serif; fill: var(--ink); stroke: var(--paper);
  stroke-width: 3px; stroke-linejoin: round; paint-order: stroke; }
.bars { fill: var(--bar); stroke: var(--bar); }
.range { fill: var(--range); stroke: var(--range); }
.bars, .range { stroke-width: 1; vector-effect: non-scaling-stroke; }
.threshold { stroke: var(--alarm); stroke-width: 1.5; stroke-dasharray: 6 4; }
.axis { stroke: var(--soft); stroke-width: 1; }
.alarm { fill: var(--alarm); }
.ok { fill: var(--ok); }
.none { fill: url(#hatch); stroke: var(--none); stroke-width: 0.5; }
.hatch { fill: var(--none); }
@media (max-width: 45rem) {
  .changes thead { display: none; }
  .changes tr { display: block; padding: 0.5rem 0; border-bottom: 1px solid var(--line); }
  .changes td { display: block; padding: 0; border: 0; width: auto !important; }
  .changes tr.to-alarm { border-left: 4px solid var(--alarm); padding-left: 0.5rem; }
  .changes tr.to-alarm td:first-child { border-left: 0; padding-left: 0; }
}
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #444; --line: #bbb;
    --bar: #35618f; --range: #9dbbd8; --alarm: #b3261e; --ok: #2c6e49; --none: #666; }
  body { font-size: 10pt; }
  table { font-size: 8pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  figure, tr, h2, p { break-inside: avoid; }
  h2, h2 + p { break-after: avoid; }
}
"""
