import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_SOURCE,
  OPERATION_CHAT,
  OPERATION_INVOKE_AGENT,
  OPERATION_INVOKE_WORKFLOW,
  SESSION_SOURCE_GENERATED,
} from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import { type CapturedSpan, sessionOf, textOf } from '../span.ts';
import type { Run } from '../span-index.ts';

const operations: ReadonlySet<unknown> = new Set([OPERATION_CHAT, OPERATION_INVOKE_AGENT, OPERATION_INVOKE_WORKFLOW]);

/** GenAI spans name their conversation: the session, unless the run's `run.start` declares another. */
export const conversationMatches: Rule = {
  id: 'conversation-matches',
  severity: 'error',
  basis: 'convention',
  asserts: `Spans of chat, invoke_agent and invoke_workflow carry ${ATTR_GEN_AI_CONVERSATION_ID}; it equals ${ATTR_SESSION_ID} unless the run's run.start event declares another conversation.`,
  why: 'Backends for GenAI group by conversation, everything else by session: with two ids the two views do not fit together.',
  fix: `Let SessionSpanProcessor stamp both ids; if one session holds several conversations, say so with ${ATTR_GEN_AI_CONVERSATION_ID} on run.start.`,
  *judge(index) {
    for (const span of index.spans) {
      if (!operations.has(span.attributes[ATTR_GEN_AI_OPERATION_NAME])) continue;
      yield* judgeSpan(span, index.runOf(span));
    }
  },
};

function* judgeSpan(span: CapturedSpan, run: Run | undefined): Iterable<Violation> {
  const session = sessionOf(span) ?? run?.session;
  const conversation = textOf(span.attributes, ATTR_GEN_AI_CONVERSATION_ID);
  // Without a session there is nothing to fill it with: the convention asks for it only where it is at hand.
  if (session === undefined) return;
  if (run !== undefined && isGenerated(run)) {
    if (conversation !== session) return;
    yield {
      at: span,
      what: `Span ${quote(span.name)} gives the generated session id ${quote(session)} out as a conversation.`,
      why: 'The conventions forbid a made-up conversation id: it looks as if the engine knew this conversation.',
      fix: `Leave ${ATTR_GEN_AI_CONVERSATION_ID} out where nobody gave an id.`,
    };
    return;
  }
  if (conversation === undefined) {
    yield {
      at: span,
      what: `Span ${quote(span.name)} of session ${quote(session)} carries no ${ATTR_GEN_AI_CONVERSATION_ID}.`,
    };
  } else if (conversation !== session && !declares(run, conversation)) {
    yield {
      at: span,
      what: `Span ${quote(span.name)} carries conversation ${quote(conversation)}, but session ${quote(session)}.`,
    };
  }
}

function isGenerated(run: Run): boolean {
  return run.root.attributes[ATTR_TURNKEEPER_SESSION_SOURCE] === SESSION_SOURCE_GENERATED;
}

function declares(run: Run | undefined, conversation: string): boolean {
  return run?.starts.some((start) => start.attributes[ATTR_GEN_AI_CONVERSATION_ID] === conversation) ?? false;
}
