import { randomUUID } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import {
  agent,
  ndJsonStream,
  RequestError,
  type AgentContext,
  type ContentBlock,
  type PromptResponse,
  type SessionUpdate,
  type Stream,
} from '@agentclientprotocol/sdk';

export interface ScriptedAgentOptions {
  /** Stands around each turn and each tool call: where an agent that traces itself makes its spans. */
  readonly around?: Around;
  /** What the agent calls a new session; a uuid by default. */
  readonly nameSession?: () => string;
}

/** What a turn of the scripted agent is: `meta` is the `_meta` of its prompt. */
export type Around = <T>(
  what: { readonly kind: 'turn'; readonly meta: unknown; readonly session: string } | { readonly kind: 'tool' },
  work: () => Promise<T>,
) => Promise<T>;

const justWork: Around = (_what, work) => work();

/**
 * An ACP agent that does what its prompt says. The last text of a prompt may hold, in any order:
 *
 * - `#tool`: one tool call that takes its time, `#quicktool`: one that does not, `#badtool`: one that fails; `#again`:
 *   then another one under the same id
 * - `#permission`: asks the user whether its tool may go on; `#question`: asks the user something for its tool
 * - `#usage`: reports tokens and cost
 * - `#meta`: answers with the `_meta` that it got; `#prompt`: with the whole prompt
 * - `#fail`: answers with a JSON-RPC error
 * - `#die`: kills its own process; `#wait`: waits until it is cancelled; `#hang`: never answers
 * - `#stuck`: the tool call never ends; `#stall`: says the first of its two pieces, and no more
 *
 * Everything else is echoed, in two pieces.
 */
export function scriptedAgent({
  around = justWork,
  nameSession = () => `agent-${randomUUID()}`,
}: ScriptedAgentOptions = {}): ReturnType<typeof agent> {
  const cancelled = new Map<string, () => void>();
  const latest = new Map<string, Promise<unknown>>();
  let calls = 0;

  return agent({ name: 'scripted' })
    .onRequest('initialize', () => ({
      protocolVersion: 1,
      agentCapabilities: { loadSession: true },
      agentInfo: { name: 'scripted', version: '1.0.0' },
    }))
    .onRequest('session/new', () => ({ sessionId: nameSession() }))
    .onRequest('session/load', () => ({}))
    .onNotification('session/cancel', ({ params }) => cancelled.get(params.sessionId)?.())
    .onRequest('session/prompt', ({ params, client }) => {
      const { sessionId, prompt, _meta: meta } = params;
      const answer = (): Promise<PromptResponse> =>
        play({
          text: lastText(prompt),
          prompt,
          meta,
          client,
          sessionId,
          call: `call-${(calls += 1)}`,
          around,
          untilCancelled: () => new Promise((resolve) => cancelled.set(sessionId, resolve)),
        });
      const turn = (): Promise<PromptResponse> => around({ kind: 'turn', meta, session: sessionId }, answer);
      // One after another, as real agents do: the protocol's updates do not say which prompt they are of.
      const answered = (latest.get(sessionId) ?? Promise.resolve()).then(turn, turn);
      latest.set(sessionId, answered);
      return answered;
    });
}

/** Serves one client on standard input and output, as agents that others spawn do. */
export function serveScriptedAgent(options: ScriptedAgentOptions = {}): void {
  scriptedAgent(options).connect(messageStream(process.stdout, process.stdin));
}

/** What goes out and comes in as a stream of ACP messages. */
export function messageStream(output: Writable, input: Readable): Stream {
  return ndJsonStream(Writable.toWeb(output), Readable.toWeb(input));
}

interface Turn {
  readonly text: string;
  readonly prompt: readonly ContentBlock[];
  readonly meta: unknown;
  readonly client: AgentContext;
  readonly sessionId: string;
  readonly call: string;
  readonly around: Around;
  readonly untilCancelled: () => Promise<void>;
}

async function play(turn: Turn): Promise<PromptResponse> {
  const { text, client, sessionId } = turn;
  const asks = (word: string): boolean => text.includes(word);
  const say = (update: SessionUpdate): Promise<void> => client.notify('session/update', { sessionId, update });
  const speak = (words: string): Promise<void> =>
    say({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: words } });

  if (asks('#fail')) throw RequestError.internalError({ reason: 'as the prompt asked' });
  if (asks('#tool') || asks('#badtool') || asks('#quicktool')) {
    await useTool(turn, say);
    if (asks('#again')) await useTool(turn, say);
  }
  if (asks('#die')) process.kill(process.pid, 'SIGKILL');
  if (asks('#hang')) await never();
  if (asks('#wait')) {
    await turn.untilCancelled();
    return { stopReason: 'cancelled' };
  }
  if (asks('#meta')) await speak(JSON.stringify(turn.meta ?? null));
  else if (asks('#prompt')) await speak(JSON.stringify(turn.prompt));
  else {
    await speak('echo: ');
    if (asks('#stall')) await never();
    await speak(text);
  }
  if (!asks('#usage')) return { stopReason: 'end_turn' };
  await say({ sessionUpdate: 'usage_update', used: 130, size: 1_000, cost: { amount: 0.25, currency: 'USD' } });
  const usage = { inputTokens: 100, cachedReadTokens: 30, outputTokens: 20, thoughtTokens: 5, totalTokens: 150 };
  const response = { stopReason: 'end_turn' as const, usage };
  return response;
}

async function useTool(turn: Turn, say: (update: SessionUpdate) => Promise<void>): Promise<void> {
  const { call: toolCallId, client, sessionId, text } = turn;
  await say({
    sessionUpdate: 'tool_call',
    toolCallId,
    title: 'ls /home/somebody',
    kind: 'execute',
    status: 'pending',
    rawInput: { command: 'ls /home/somebody' },
  });
  if (text.includes('#permission')) {
    const { outcome } = await client.request('session/request_permission', {
      sessionId,
      toolCall: { toolCallId },
      options: [
        { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
        { optionId: 'no', name: 'No', kind: 'reject_once' },
      ],
    });
    if (outcome.outcome === 'cancelled' || outcome.optionId === 'no') {
      await say({ sessionUpdate: 'tool_call_update', toolCallId, status: 'failed' });
      return;
    }
  }
  if (text.includes('#question')) {
    const requestedSchema = { type: 'object' as const, properties: { folder: { type: 'string' as const } } };
    await client.request('elicitation/create', {
      sessionId,
      toolCallId,
      mode: 'form',
      message: 'Where?',
      requestedSchema,
    });
  }
  await say({ sessionUpdate: 'tool_call_update', toolCallId, status: 'in_progress' });
  if (!text.includes('#quicktool')) {
    await turn.around({ kind: 'tool' }, () => (text.includes('#stuck') ? never() : wait(20)));
  }
  await say({
    sessionUpdate: 'tool_call_update',
    toolCallId,
    status: text.includes('#badtool') ? 'failed' : 'completed',
    rawOutput: { files: ['a', 'b'] },
  });
}

function never(): Promise<never> {
  return new Promise(() => {});
}

/** A replayed history stands in front of the user's own words. */
function lastText(prompt: readonly ContentBlock[]): string {
  const last = prompt.at(-1);
  return last?.type === 'text' ? last.text : '';
}
