import { ATTR_GEN_AI_CONVERSATION_ID, ATTR_SESSION_ID, EVENT_RUN_START } from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import { textOf } from '../span.ts';
import type { Run } from '../span-index.ts';

/** Every run says once, at its start, whose it is; and its root agrees. */
export const runStartMatches: Rule = {
  id: 'run-start-matches',
  severity: 'error',
  basis: 'policy',
  asserts: `Every run's root has exactly one ${EVENT_RUN_START} event, with the ids that the root carries.`,
  why: 'Whoever acts on run.start (billing, an audit, a live view) files this run under another conversation than the trace does, or misses it.',
  fix: 'Something else wrote an id or the event: register SessionSpanProcessor, and attach one instrumentation to an engine.',
  *judge(index) {
    for (const run of index.runs) yield* judgeRun(run);
  },
};

function* judgeRun(run: Run): Iterable<Violation> {
  const span = run.root;
  const [start] = run.starts;
  if (start === undefined) {
    // A run without any id is reported by every-span-stamped, once.
    if (!run.isSessionless) yield { at: span, what: `The run ${quote(span.name)} has no ${EVENT_RUN_START} event.` };
    return;
  }
  if (run.starts.length > 1) {
    yield { at: span, what: `The run ${quote(span.name)} has ${run.starts.length} ${EVENT_RUN_START} events.` };
  }
  for (const name of [ATTR_SESSION_ID, ATTR_GEN_AI_CONVERSATION_ID]) {
    const said = textOf(start.attributes, name);
    const carried = textOf(span.attributes, name);
    // The conversation is told in both places or in none; only the session must be in both.
    if (said === carried || (name !== ATTR_SESSION_ID && (said === undefined || carried === undefined))) continue;
    yield {
      at: span,
      what: `${EVENT_RUN_START} of ${quote(span.name)} says ${name} ${describe(said)}, the span ${describe(carried)}.`,
    };
  }
}

function describe(id: string | undefined): string {
  return id === undefined ? 'nothing' : quote(id);
}
