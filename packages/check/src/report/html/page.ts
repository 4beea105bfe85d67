import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ReportModel } from './model.ts';
import { style } from './style.ts';

/** In the order in which they need one another. */
const modules = ['elements', 'rows', 'row-view', 'details-view', 'list-view', 'viewer'];

/**
 * A page that shows a report: one file that loads nothing, and whose content policy allows no script and no style but
 * its own. What comes from traces is in it as JSON, and is only ever shown as text.
 */
export function writePage(model: ReportModel, title: string): string {
  const json = escapeJson(JSON.stringify(model));
  const script = joinModules();
  const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<noscript>This report needs JavaScript. It loads nothing and sends nothing.</noscript>
<div id="app"></div>
<script type="application/json" id="model">${json}</script>
<script>${script}</script>
</body>
</html>
`;
}

/**
 * The modules of the viewer as one script. They import one another and nothing else, and every name at their top is
 * used once, so it is enough to put them in order and to take the imports and exports away.
 */
function joinModules(): string {
  const texts = modules.map((name) => readFileSync(new URL(`./viewer/${name}.js`, import.meta.url), 'utf8'));
  const script = texts
    .join('\n')
    .replaceAll(/^import [^;]*;$/gmu, '')
    .replaceAll(/^export /gmu, '');
  return `(() => {\n'use strict';\n${script}\nstartViewer();\n})();`;
}

/** JSON for the inside of a script element: nothing in it can end the element. */
function escapeJson(json: string): string {
  return json.replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
