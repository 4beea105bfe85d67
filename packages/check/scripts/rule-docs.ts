import type { Rule } from '../src/rule.ts';
import { rules } from '../src/rules/index.ts';

const bases: Readonly<Record<Rule['basis'], string>> = {
  convention: "the text of OpenTelemetry's conventions",
  policy: 'a policy of this project, derived from the conventions',
};
const levels: Readonly<Record<Rule['severity'], string>> = { error: 'error', warn: 'warning' };

/** The documentation of every rule, from the rules themselves: text by the name of its file in `docs/rules`. */
export function ruleDocs(): ReadonlyMap<string, string> {
  return new Map([['README.md', describeAll()], ...rules.map((rule) => [`${rule.id}.md`, describe(rule)] as const)]);
}

function describeAll(): string {
  return `<!-- Generated from packages/check/src/rules by packages/check/scripts/write-rule-docs.ts. -->
# The rules of \`turnkeeper check\`

A *run's root* is a span with \`turnkeeper.engine.name\`; a *stamped* span is one with \`session.id\`. Levels are changed with
\`--rule id=off|warn|error\`, or in \`turnkeeper.config.json\`: \`{ "rules": { "turns-linked": "off" }, "maxWarnings": 0 }\`.
Warnings fail a check only where there are more than \`--max-warnings\`, or \`maxWarnings\`, allows.

| rule | level | asserts |
|---|---|---|
${rules.map((rule) => `| [${rule.id}](${rule.id}.md) | ${levels[rule.severity]} | ${rule.asserts} |`).join('\n')}
`;
}

function describe(rule: Rule): string {
  return `<!-- Generated from packages/check/src/rules/${rule.id}.ts by packages/check/scripts/write-rule-docs.ts. -->
# ${rule.id}

${rule.asserts}

| level | basis |
|---|---|
| ${levels[rule.severity]} | ${bases[rule.basis]} |

## Why it matters

${rule.why}

## How to mend it

${rule.fix}

## Another level

\`\`\`sh
turnkeeper check traces.jsonl --rule ${rule.id}=${rule.severity === 'error' ? 'warn' : 'error'}
\`\`\`

In a test: \`expect(capture).toPassChecks({ except: ['${rule.id}'] })\`. What it finds and what it lets pass is shown, case by
case, in [its tests](../../packages/check/src/rules/${rule.id}.test.ts).
`;
}
