import type { Millis, Usage } from '../../adapter.ts';
import { count, isRecord, recordIn, sessionOf, text, word, type CopilotEvent } from './native.ts';

/** A session's notification: whose it is, and its event as one of those above where it is one. */
export interface Notification {
  readonly session: string;
  readonly agent: string | undefined;
  readonly event: CopilotEvent | undefined;
}

/** Undefined for what is no session's notification. `now` is read where an event tells how long ago it began. */
export function readNotification(value: unknown, now: () => Millis): Notification | undefined {
  const session = sessionOf(value);
  if (!isRecord(value) || session === undefined) return undefined;
  const event = recordIn(value, 'event');
  const agent = text(event['agentId']);
  const data = recordIn(event, 'data');
  return { session, agent, event: readEvent(text(event['type']) ?? '', { data, agent, now }) };
}

interface EventData {
  readonly data: Record<string, unknown>;
  readonly agent: string | undefined;
  readonly now: () => Millis;
}

function readEvent(type: string, { data, agent, now }: EventData): CopilotEvent | undefined {
  const id = text(data['requestId']) ?? '';
  switch (type) {
    case 'assistant.streaming_delta':
    case 'assistant.message_delta':
    case 'assistant.message_start':
      return { type: 'model_output' };
    case 'user.message': {
      const { messageId, interactionId, delivery, content } = data;
      const isSteering = delivery === 'steering';
      return { type: 'prompt', message: text(messageId), interaction: text(interactionId), isSteering, content };
    }
    case 'assistant.turn_start':
      return { type: 'turn_start', interaction: text(data['interactionId']) };
    case 'assistant.turn_end':
      return { type: 'turn_end' };
    case 'assistant.message':
      return { type: 'answer', content: data['content'] };
    case 'model.call_start':
      return { type: 'model_start', model: text(data['model']) };
    case 'assistant.usage':
      return {
        type: 'model_usage',
        model: text(data['model']),
        usage: readUsage(data),
        response: text(data['apiCallId']),
        finish: text(data['finishReason']),
        began: now() - Math.max(0, count(data['duration']) ?? 0),
      };
    case 'model.call_failure':
      return {
        type: 'model_failure',
        error: word(data['statusCode']) ?? word(data['errorType']) ?? word(data['failureKind']) ?? 'model_error',
      };
    case 'model.call_finished':
      return { type: 'model_end', outcome: word(data['outcome']) ?? 'error' };
    case 'session.error':
      return { type: 'error', error: word(data['statusCode']) ?? word(data['errorType']) ?? 'session_error' };
    case 'abort':
      return { type: 'abort' };
    case 'session.idle':
      return { type: 'idle', wasAborted: data['aborted'] === true };
    case 'session.compaction_start':
      return { type: 'compaction_start' };
    case 'session.compaction_complete': {
      const used = recordIn(data, 'compactionTokensUsed');
      const error = data['success'] === false ? (word(data['statusCode']) ?? 'compaction_failed') : undefined;
      return { type: 'compaction_end', error, model: text(used['model']), usage: readUsage(used) };
    }
    case 'permission.requested': {
      if (data['resolvedByHook'] === true) return undefined;
      return { type: 'wait', reason: 'permission', tool: text(recordIn(data, 'permissionRequest')['toolCallId']), id };
    }
    case 'user_input.requested':
    case 'elicitation.requested':
      return { type: 'wait', reason: 'answer', tool: text(data['toolCallId']), id };
    default:
      if (type.startsWith('subagent.')) return readAgent(type, data, agent);
      // Of whatever was requested, not only of what a person gives.
      return type.endsWith('.completed') ? { type: 'given', id } : readTool(type, data);
  }
}

function readTool(type: string, data: Record<string, unknown>): CopilotEvent | undefined {
  const { toolCallId: id, toolName, arguments: input } = data;
  if (typeof id !== 'string') return undefined;
  const tool = text(toolName) ?? 'unknown';
  switch (type) {
    case 'tool.execution_start':
      return { type: 'tool_start', id, tool, input };
    case 'external_tool.requested':
      return { type: 'tool_request', id, tool, owner: text(data['sessionId']), span: text(data['traceparent']), input };
    case 'tool.execution_complete': {
      const failed = data['success'] === false;
      const code = word(recordIn(data, 'error')['code']);
      return { type: 'tool_end', id, error: failed ? (code ?? 'tool_error') : undefined, output: data['result'] };
    }
    default:
      return undefined;
  }
}

/** Older runtimes say no `agentId`: there the tool call that started a sub-agent names it, and is a call of its own. */
function readAgent(type: string, data: Record<string, unknown>, agent: string | undefined): CopilotEvent | undefined {
  const tool = text(data['toolCallId']);
  const id = agent ?? (tool && `${tool}/`);
  if (id === undefined) return undefined;
  switch (type) {
    case 'subagent.started': {
      const inBackground = data['executionMode'] === 'background';
      return { type: 'agent_start', id, agent: text(data['agentName']) ?? 'sub-agent', tool, inBackground };
    }
    case 'subagent.completed':
      return { type: 'agent_end', id, outcome: data['cancelled'] === true ? 'cancelled' : 'ok' };
    case 'subagent.failed':
      return { type: 'agent_end', id, outcome: 'error' };
    default:
      return undefined;
  }
}

/** Providers differ in whether `inputTokens` holds the cached ones; where it cannot, they are added. */
function readUsage(data: Record<string, unknown>): Usage {
  const cacheRead = count(data['cacheReadTokens']);
  const cacheWrite = count(data['cacheWriteTokens']);
  const input = count(data['inputTokens']);
  const cached = (cacheRead ?? 0) + (cacheWrite ?? 0);
  return {
    input: input !== undefined && cached > input ? input + cached : input,
    output: count(data['outputTokens']),
    cacheRead,
    cacheWrite,
    reasoning: count(data['reasoningTokens']),
  };
}
