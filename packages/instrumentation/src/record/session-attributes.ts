import type { Attributes } from '@opentelemetry/api';
import type { Session } from '../session/session.ts';
import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_PARENT_ID,
  ATTR_USER_ID,
  OPERATION_CHAT,
  OPERATION_INVOKE_AGENT,
  OPERATION_INVOKE_WORKFLOW,
} from './semconv.ts';

/** What every span of this session carries; empty while the session has no id. The same object each time. */
export function stampsOf(session: Session): Attributes {
  return session.stamps ?? makeStamps(session);
}

/** Whether `gen_ai.conversation.id` may be said: a generated id is a session's, the conventions forbid inventing one. */
export function hasConversation(session: Session): boolean {
  return session.id !== undefined && session.source !== 'generated';
}

/** Whether the conventions require `gen_ai.conversation.id`, when it is available, on this operation. */
export function namesConversation(operation: unknown): boolean {
  return (
    operation === OPERATION_CHAT || operation === OPERATION_INVOKE_AGENT || operation === OPERATION_INVOKE_WORKFLOW
  );
}

/** Adds what a span of ours for this operation carries of its session. */
export function stamp(attributes: Attributes, session: Session, operation?: string): Attributes {
  Object.assign(attributes, stampsOf(session));
  if (namesConversation(operation) && hasConversation(session)) attributes[ATTR_GEN_AI_CONVERSATION_ID] = session.id;
  return attributes;
}

function makeStamps(session: Session): Attributes {
  const { id, parentId, userId } = session;
  if (id === undefined) return {};
  const stamps: Attributes = { ...session.attributes };
  if (userId !== undefined) stamps[ATTR_USER_ID] = userId;
  if (parentId !== undefined && parentId !== id) stamps[ATTR_TURNKEEPER_SESSION_PARENT_ID] = parentId;
  for (const alias of session.aliases) {
    if (alias !== ATTR_GEN_AI_CONVERSATION_ID || hasConversation(session)) stamps[alias] = id;
  }
  stamps[ATTR_SESSION_ID] = id;
  // A parent whose own id is still to come is said later.
  if (session.isSettled) session.stamps = stamps;
  return stamps;
}
