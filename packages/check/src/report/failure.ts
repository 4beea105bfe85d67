import type { Capture } from '../capture.ts';
import type { Finding } from '../check.ts';
import type { CapturedSpan } from '../span.ts';
import { drawTree, printable } from '../tree.ts';

/** Traces drawn in a message, so that a reader still finds the first of them. */
const shownTraces = 5;
const shownFindings = 20;

/** What a failed assertion says: the sentence, the tree with the offending spans marked, and each finding in words. */
export function describeFailure(sentence: string, capture: Capture, findings: readonly Finding[]): string {
  const { index } = capture;
  const marks = new Map<CapturedSpan, string[]>();
  for (const { rule, at } of findings) {
    const span = index.find(at.traceId, at.spanId);
    if (span === undefined) continue;
    const marked = marks.get(span) ?? [];
    if (!marked.includes(rule)) marked.push(rule);
    marks.set(span, marked);
  }
  const concerned = findings.length === 0 ? [...index.traces.keys()] : findings.map(({ at }) => at.traceId);
  // What a metric has wrong about it is in no trace.
  const shown = new Set([...new Set(concerned)].filter((traceId) => index.traces.has(traceId)).slice(0, shownTraces));
  const hidden = index.traces.size - shown.size;
  return [
    sentence,
    index.spans.length === 0 ? '' : drawTree(index, { marks, traces: shown }),
    hidden > 0 ? `  … and ${hidden} more trace${hidden === 1 ? '' : 's'}` : '',
    ...findings.slice(0, shownFindings).map(describeFinding),
    findings.length > shownFindings ? `… and ${findings.length - shownFindings} more findings` : '',
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function describeFinding({ rule, severity, what, why, fix }: Finding): string {
  return `${severity} ${rule}: ${printable(what)}\n  why: ${why}\n  fix: ${fix}`;
}
