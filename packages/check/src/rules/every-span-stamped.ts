import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_SOURCE,
} from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import { type CapturedSpan, isSameProcess, sessionOf, textOf } from '../span.ts';
import type { Run, SpanIndex } from '../span-index.ts';

/** What is on a root, or on its `run.start`, where somebody gave the run a session. */
const ids = [ATTR_SESSION_ID, ATTR_GEN_AI_CONVERSATION_ID, ATTR_TURNKEEPER_SESSION_SOURCE];
const lateFix =
  "Wrap the call that begins the run in withSession('…', …): a session that begins inside of a run is not that of the run.";

/** A run's root and everything below it is stamped, other instrumentations' spans too. */
export const everySpanStamped: Rule = {
  id: 'every-span-stamped',
  severity: 'error',
  basis: 'policy',
  asserts: "A run's root and every span below it carries a session id, HTTP and database spans too.",
  why: 'A search for the conversation does not find this span: a slow query or a failed request of this turn stays unseen.',
  fix: 'Register SessionSpanProcessor in the SDK that made the span, around the exporting processor or before it.',
  *judge(index) {
    for (const run of index.runs) {
      // Where a run around it has a session, this one has lost it.
      if (run.isSessionless && run.outer === undefined) yield* judgeSessionless(run);
      else yield* judgeRun(index, run);
    }
  },
};

function* judgeSessionless(run: Run): Iterable<Violation> {
  if (run.parent?.isSessionless === true) return;
  yield {
    at: run.root,
    severity: 'warn',
    what: `The run ${quote(run.root.name)} has no session id at all: neither the caller nor the engine ${quote(run.engine)} gave one.`,
    why: 'None of its spans can be found by conversation. No id is invented for it: the conventions forbid that.',
    fix: "Wrap the call in withSession('…', …), or attach a SessionContext to the engine's session.",
  };
}

function* judgeRun(index: SpanIndex, run: Run): Iterable<Violation> {
  // The session that is missing is that of the run, or of the one around it.
  const home = run.session === undefined ? (run.outer ?? run) : run;
  const mending = home.session === undefined && !isAnnounced(home) ? { fix: lateFix } : {};
  for (const span of run.spans) {
    if (sessionOf(span) !== undefined) continue;
    if (isSameProcess(span, home.root)) {
      const what = `Span ${quote(span.name)}${describeRun(span, run)} carries no ${ATTR_SESSION_ID}.`;
      yield { at: span, what, ...mending };
      continue;
    }
    // Another process does not know the session: one finding for all that it did, where the call came in.
    const caller = index.parentOf(span);
    if (caller !== undefined && !isSameProcess(caller, home.root) && sessionOf(caller) === undefined) continue;
    yield {
      at: span,
      what: `Span ${quote(span.name)}, in another process than its run ${quote(home.root.name)}, carries no ${ATTR_SESSION_ID}.`,
      fix: 'Send the session along: register SessionPropagator with this host in `send` here, and with `accept` and SessionSpanProcessor there.',
    };
  }
}

/** Whether anything says that the run had a session when it began, though its root carries none. */
function isAnnounced({ root, starts }: Run): boolean {
  const told = [root, ...starts].map(({ attributes }) => attributes);
  return told.some((attributes) => ids.some((name) => textOf(attributes, name) !== undefined));
}

function describeRun(span: CapturedSpan, run: Run): string {
  return span === run.root ? `, the root of a run of ${quote(run.engine)},` : ` of the run ${quote(run.root.name)}`;
}
