import type { Attributes } from '@opentelemetry/api';
import type { Session } from '../session/session.ts';
import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_PARENT_ID,
  OPERATION_CHAT,
  OPERATION_INVOKE_AGENT,
  OPERATION_INVOKE_WORKFLOW,
} from './semconv.ts';

/** The session that encloses this one, where it has another id. */
export function parentIdOf(session: Session): string | undefined {
  const parentId = session.parent?.id;
  return parentId === session.id ? undefined : parentId;
}

/** The operations on which the conventions require `gen_ai.conversation.id` when it is available. */
function namesConversation(operation: unknown): boolean {
  return (
    operation === OPERATION_CHAT || operation === OPERATION_INVOKE_AGENT || operation === OPERATION_INVOKE_WORKFLOW
  );
}

/**
 * What a span of this session carries; empty while the session has no id. A generated id is a session's, never a
 * conversation's: the conventions forbid inventing one.
 */
export function sessionAttributes(session: Session, operation?: string): Attributes {
  const { id } = session;
  if (id === undefined) return {};
  const attributes: Attributes = { [ATTR_SESSION_ID]: id };
  if (namesConversation(operation) && session.source !== 'generated') attributes[ATTR_GEN_AI_CONVERSATION_ID] = id;
  const parentId = parentIdOf(session);
  if (parentId !== undefined) attributes[ATTR_TURNKEEPER_SESSION_PARENT_ID] = parentId;
  return attributes;
}
