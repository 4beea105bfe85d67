import { styleText } from 'node:util';
import type { Finding } from '../check.ts';
import type { Severity } from '../rule.ts';
import type { Summary } from '../summary.ts';
import { printable } from '../tree.ts';

/** How a text report looks. */
export interface TextOptions {
  /** Whether the reader sees colours: a terminal, and NO_COLOR is not set. */
  readonly colors: boolean;
}

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

/** Places listed per kind of finding: whoever has more to mend needs the first ones. */
const shownPlaces = 10;
const marks: Readonly<Record<Severity, { readonly sign: string; readonly style: Style }>> = {
  error: { sign: '✗', style: 'red' },
  warn: { sign: '!', style: 'yellow' },
};

/** A check's result for a person: what is wrong and where, why it matters and how to mend it, and what was looked at. */
export function reportText(summary: Summary, findings: readonly Finding[], { colors }: TextOptions): string {
  const paint: Paint = (style, text) => (colors ? styleText(style, text, { validateStream: false }) : text);
  const groups = Map.groupBy(findings, ({ rule, severity, why, fix }) => JSON.stringify([rule, severity, why, fix]));
  const blocks = [...groups.values()]
    .toSorted(([left], [right]) => Number(left?.severity !== 'error') - Number(right?.severity !== 'error'))
    .map((group) => describeGroup(group, paint));
  return `${[...blocks, describeSummary(summary, findings, paint)].join('\n\n')}\n`;
}

function describeGroup(group: readonly Finding[], paint: Paint): string {
  const [first] = group;
  if (first === undefined) return '';
  const { sign, style } = marks[first.severity];
  const places = group.slice(0, shownPlaces).flatMap(({ what, at }) => {
    const file = at.file === undefined ? '' : `${printable(at.file)}${at.line === undefined ? '' : `:${at.line}`}  `;
    return [
      `  ${printable(what)}`,
      paint('dim', `    at  ${file}trace ${printable(at.traceId)}  span ${printable(at.spanId)}`),
    ];
  });
  const hidden = group.length - shownPlaces;
  return [
    `${paint(style, `${sign} ${first.severity}`)}  ${paint('bold', first.rule)}`,
    ...places,
    ...(hidden > 0 ? [`  … and ${hidden} more like it (--format json lists all)`] : []),
    `  ${paint('dim', 'why')} ${first.why}`,
    `  ${paint('dim', 'fix')} ${first.fix}`,
  ].join('\n');
}

function describeSummary(
  { sessions, turns, spans, traces }: Summary,
  findings: readonly Finding[],
  paint: Paint,
): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const warnings = findings.length - errors;
  const checked = `${count(sessions, 'conversation')}, ${count(turns, 'turn')}, ${count(spans, 'span')} in ${count(traces, 'trace')}`;
  const verdict = findings.length === 0 ? 'nothing wrong' : `${count(errors, 'error')}, ${count(warnings, 'warning')}`;
  const { sign, style } = errors > 0 ? marks.error : warnings > 0 ? marks.warn : { sign: '✓', style: 'green' as const };
  const note =
    turns === 0 && findings.length === 0
      ? '\n  No span here is the root of a run of Turnkeeper, so only rules of the conventions had something to judge.'
      : '';
  return `${paint(style, `${sign} ${checked} checked: ${verdict}`)}${note}`;
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}
