import { quote, type Rule } from '../rule.ts';
import { type CapturedSpan, isSameProcess } from '../span.ts';

/** SDKs cut start times off to the millisecond, and clocks are read one after another. Nanoseconds. */
const tolerance = 2_000_000n;

/** What a span causes is over when the span is. */
export const endedInsideParent: Rule = {
  id: 'ended-inside-parent',
  severity: 'warn',
  basis: 'policy',
  asserts: 'A span starts after its parent in the same process and ends before it, give or take 2 ms.',
  why: "A span that outlives its parent was left open, or belongs to something else; the parent's duration leaves its work out.",
  fix: 'End the span when its work ends, also when a stream is abandoned; begin work that goes on afterwards with a link in a trace of its own.',
  *judge(index) {
    for (const span of index.spans) {
      const parent = index.parentOf(span);
      if (parent === undefined || !isInProcess(span, parent)) continue;
      const early = parent.start - tolerance - span.start;
      const late = span.end - parent.end - tolerance;
      if (early > 0n) {
        yield { at: span, what: describe(span, parent, `starts ${milliseconds(early + tolerance)} ms before`) };
      } else if (late > 0n) {
        yield { at: span, what: describe(span, parent, `ends ${milliseconds(late + tolerance)} ms after`) };
      }
    }
  },
};

/** Clocks of two processes disagree; and whoever takes a message up does so whenever it likes. */
function isInProcess(span: CapturedSpan, parent: CapturedSpan): boolean {
  if (span.parentIsRemote === true || span.kind === 'consumer' || parent.kind === 'producer') return false;
  return isSameProcess(span, parent);
}

function describe(span: CapturedSpan, parent: CapturedSpan, what: string): string {
  return `Span ${quote(span.name)} ${what} its parent ${quote(parent.name)}.`;
}

function milliseconds(nanoseconds: bigint): string {
  return String(Math.round(Number(nanoseconds) / 1e5) / 10);
}
