import { quote, type Rule } from '../rule.ts';
import type { CapturedSpan } from '../span.ts';

/** Every parent is there, or in another process. */
export const noOrphans: Rule = {
  id: 'no-orphans',
  severity: 'error',
  basis: 'policy',
  asserts: 'No parent is missing from the input, unless the span says that its parent is in another process.',
  why: 'What happened above this span is lost, and with it the run and the session it belongs to.',
  fix: 'Let every span end and flush the SDK before the process exits; give all files of the trace; sample at the root only.',
  *judge(index) {
    const missing = Map.groupBy(
      index.spans.filter((span) => span.parentSpanId !== undefined && !isEntry(span) && !index.parentOf(span)),
      (span) => `${span.traceId}:${span.parentSpanId}`,
    );
    for (const [span, ...others] of missing.values()) {
      if (span === undefined) continue;
      const more = others.length === 0 ? '' : ` (and that of ${others.length} more)`;
      yield {
        at: span,
        what: `The parent ${span.parentSpanId} of span ${quote(span.name)}${more} is missing from the input.`,
      };
    }
  },
};

/** Whether the parent is in another process: the span says so or, where old SDKs say nothing, its kind does. */
function isEntry(span: CapturedSpan): boolean {
  return span.parentIsRemote ?? (span.kind === 'server' || span.kind === 'consumer');
}
