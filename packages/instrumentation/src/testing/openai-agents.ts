import { tool, Runner, type AgentInputItem, type RunContext } from '@openai/agents';
import { trace } from '@opentelemetry/api';
import { byMarker, startModelServer, type ModelServer, type ScriptFunction } from '@turnkeeper/model-server';
import {
  openOpenAIAgents,
  type OpenAIAgentsOptions,
  type OpenOpenAIAgents,
} from '@turnkeeper/model-server/openai-agents';
import { z } from 'zod';
import { openaiAgents } from '../adapters/openai-agents/index.ts';
import { observe, type Observation, type ObserveOptions } from '../observe.ts';
import { currentSession } from '../session/active-session.ts';
import { startTracing, type Tracing, type TracingOptions } from './tracing.ts';

/** What a tool has that a person has to approve. */
export const approvalOptions = {
  name: 'weather',
  description: 'The weather of a city',
  parameters: z.object({ city: z.string() }),
  needsApproval: true,
} as const;

/** A tool whose work makes a span of its own, as a database client would, and answers with the session it sees. */
export const weather = tool({
  name: 'weather',
  description: 'The weather of a city',
  parameters: z.object({ city: z.string() }),
  execute: async () => {
    trace.getTracer('database').startSpan('SELECT weather').end();
    return `rain for ${currentSession()?.id ?? 'nobody'}`;
  },
});

/** What the model answers, by a marker in the prompt; anything else is echoed. */
function scriptAnswers(): ScriptFunction {
  return byMarker(
    {
      '#weather': { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] },
      '#handoff': { toolCalls: [{ name: 'transfer_to_Billing', arguments: {} }] },
      '#helper': { toolCalls: [{ name: 'helper', arguments: { input: 'hi' } }] },
      '#slow': { text: 'slow', delayMs: 200 },
      '#long': { text: 'one two three four five six seven eight', chunkDelayMs: 20 },
      '#never': { text: 'never', ending: 'never' },
      '#bad': { status: 400, message: 'no such thing' },
      '#overloaded': [{ status: 503, message: 'overloaded' }, 'better now'],
      '#broken': { status: 503, message: 'overloaded' },
      '#cut': { text: 'one two three four', ending: 'cut' },
      '#length': { text: 'too long', ending: 'length' },
    },
    (request) => request.toolResults.at(-1)?.text ?? `echo: ${request.lastUserText}`,
  );
}

/** One test's world: the SDK, a model server, OpenAI Agents on it, and its `Runner` class observed by hand. */
export interface OpenAIWorld extends AsyncDisposable {
  readonly tracing: Tracing;
  readonly server: ModelServer;
  readonly engine: OpenOpenAIAgents;
  readonly observation: Observation;
}

export async function startOpenAIWorld(
  options: TracingOptions & Partial<OpenAIAgentsOptions> = {},
  observing: ObserveOptions = {},
): Promise<OpenAIWorld> {
  const things = new AsyncDisposableStack();
  const tracing = things.use(startTracing(options));
  const server = things.use(await startModelServer({ script: scriptAnswers() }));
  const engine = openOpenAIAgents({ url: server.url, ...options });
  const observation = things.adopt(observe(openaiAgents, Runner, observing), (it) => it.stop());
  return { tracing, server, engine, observation, [Symbol.asyncDispose]: () => things.disposeAsync() };
}

/** A session store that writes down how it is called: each method with its arguments, and the session it sees. */
export class RecordingStore {
  readonly calls: [method: string, args: readonly unknown[]][] = [];
  readonly seen: (string | undefined)[] = [];
  items: AgentInputItem[] = [];
  declare readonly sessionId?: string;
  /** How often somebody asked for the id in the way that may create one. */
  asked = 0;

  constructor(sessionId?: string) {
    if (sessionId !== undefined) this.sessionId = sessionId;
  }

  async getSessionId(): Promise<string> {
    this.asked += 1;
    return this.sessionId ?? 'made-up';
  }

  async getItems(...args: [limit?: number, runContext?: RunContext]): Promise<AgentInputItem[]> {
    this.#note('getItems', args);
    const [limit] = args;
    return limit === undefined ? [...this.items] : this.items.slice(-limit);
  }

  async addItems(...args: [items: AgentInputItem[], runContext?: RunContext]): Promise<void> {
    this.#note('addItems', args);
    this.items.push(...args[0]);
  }

  async popItem(...args: [runContext?: RunContext]): Promise<AgentInputItem | undefined> {
    this.#note('popItem', args);
    return this.items.pop();
  }

  async clearSession(...args: [runContext?: RunContext]): Promise<void> {
    this.#note('clearSession', args);
    this.items = [];
  }

  #note(method: string, args: readonly unknown[]): void {
    trace.getTracer('database').startSpan(`SQL ${method}`).end();
    this.calls.push([method, args]);
    this.seen.push(currentSession()?.id);
  }
}

/** The same store, opted in to the run's context. */
export class AwareStore extends RecordingStore {
  readonly acceptsRunContext = true as const;
}

/** A decorator as applications write them: it hands every call on, with the arguments that it knows of. */
export class ForgetfulSession {
  readonly #inner: RecordingStore;

  constructor(inner: RecordingStore) {
    this.#inner = inner;
  }

  getSessionId(): Promise<string> {
    return this.#inner.getSessionId();
  }
  getItems(limit?: number): Promise<AgentInputItem[]> {
    return limit === undefined ? this.#inner.getItems() : this.#inner.getItems(limit);
  }
  addItems(items: AgentInputItem[]): Promise<void> {
    return this.#inner.addItems(items);
  }
  popItem(): Promise<AgentInputItem | undefined> {
    return this.#inner.popItem();
  }
  clearSession(): Promise<void> {
    return this.#inner.clearSession();
  }
}
