import {
  ATTR_SESSION_PREVIOUS_ID,
  ATTR_TURNKEEPER_LINK_KIND,
  ATTR_TURNKEEPER_SESSION_PARENT_ID,
  LINK_KIND_PREVIOUS_TURN,
} from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import { parentSessionOf, sessionOf, textOf } from '../span.ts';
import type { Run, SpanIndex } from '../span-index.ts';

/** Conversations that run at the same time stay apart. */
export const sessionsNotMixed: Rule = {
  id: 'sessions-not-mixed',
  severity: 'error',
  basis: 'policy',
  asserts:
    "No run hangs under another session's run without declaring it, and no link to the turn before leads to another session.",
  why: 'Two conversations have become one: what one user said and paid for shows up in the conversation of another.',
  fix: 'Begin each conversation in a context of its own: withSession(…) around the call, not around the server or a shared connection.',
  *judge(index) {
    for (const run of index.runs) {
      yield* judgeNesting(run);
      yield* judgeLinks(index, run);
    }
  },
};

function* judgeNesting({ root, session, outer }: Run): Iterable<Violation> {
  if (session === undefined || outer?.session === undefined || session === outer.session) return;
  if (parentSessionOf(root) === outer.session) return;
  yield {
    at: root,
    what: `The run ${quote(root.name)} of session ${quote(session)} hangs under ${quote(outer.root.name)}, a run of session ${quote(outer.session)}, and does not declare it.`,
    fix: `If the one started the other on purpose, give the inner session ${ATTR_TURNKEEPER_SESSION_PARENT_ID}; if not, begin it in a context of its own, with withSession(…) around the call.`,
  };
}

function* judgeLinks(index: SpanIndex, { root, session }: Run): Iterable<Violation> {
  for (const link of root.links) {
    if (link.attributes[ATTR_TURNKEEPER_LINK_KIND] !== LINK_KIND_PREVIOUS_TURN) continue;
    const target = index.find(link.traceId, link.spanId);
    const other = target === undefined ? undefined : sessionOf(target);
    if (target === undefined || other === undefined || other === session) continue;
    if (textOf(root.attributes, ATTR_SESSION_PREVIOUS_ID) === other) continue;
    yield {
      at: root,
      what: `The run ${quote(root.name)} of ${session === undefined ? 'no session' : `session ${quote(session)}`} links to ${quote(target.name)} of session ${quote(other)} as its turn before.`,
      fix: `Turns of one session follow each other. If this session continues the other, give it ${ATTR_SESSION_PREVIOUS_ID}.`,
    };
  }
}
