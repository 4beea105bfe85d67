import { ATTR_TURNKEEPER_SESSION_PARENT_ID } from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import { type CapturedSpan, parentSessionOf, sessionOf } from '../span.ts';
import type { Run, SpanIndex } from '../span-index.ts';

/** Below a run's root there is the root's session, or one that declares it as its parent. */
export const oneSessionPerRun: Rule = {
  id: 'one-session-per-run',
  severity: 'error',
  basis: 'policy',
  asserts:
    "Below a run's root every stamped span carries the root's session id, unless it declares that session as its parent.",
  why: 'Whoever looks for the conversation finds a part of this turn only; its tokens, errors and time count for another one.',
  fix: `Register SessionSpanProcessor, which asserts the run's id again when a span ends; if the span does begin a child session, give it ${ATTR_TURNKEEPER_SESSION_PARENT_ID}.`,
  *judge(index) {
    for (const run of index.runs) if (run.session !== undefined) yield* judgeRun(index, run, run.session);
  },
};

function* judgeRun(index: SpanIndex, run: Run, session: string): Iterable<Violation> {
  for (const span of run.spans) {
    const own = sessionOf(span);
    if (own === undefined || own === session || declaresParent(index, span, run)) continue;
    yield {
      at: span,
      what: `Span ${quote(span.name)} carries session ${quote(own)}, but the root of its run, ${quote(run.root.name)}, carries ${quote(session)}.`,
    };
  }
}

/** A child session names the session of a span above it, which may itself be a child session. */
function declaresParent(index: SpanIndex, span: CapturedSpan, run: Run): boolean {
  const declared = parentSessionOf(span);
  if (declared === undefined) return false;
  for (let above = index.parentOf(span); above !== undefined; above = index.parentOf(above)) {
    if (sessionOf(above) === declared) return true;
    if (above === run.root) return false;
  }
  return false;
}
