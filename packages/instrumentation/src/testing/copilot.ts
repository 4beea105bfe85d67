import { RuntimeConnection, CopilotClient, approveAll, type SessionConfig, type Tool } from '@github/copilot-sdk';
import { trace } from '@opentelemetry/api';
import { startModelServer, type ModelServer, type ScriptFunction } from '@turnkeeper/model-server';
import { openCopilot, type CopilotOptions, type OpenCopilot } from '@turnkeeper/model-server/copilot';
import {
  startCopilotRuntime,
  type CopilotRuntime,
  type CopilotRuntimeOptions,
} from '@turnkeeper/model-server/copilot-runtime';
import { copilot } from '../adapters/copilot/index.ts';
import { observe, type Observation, type ObserveOptions } from '../observe.ts';
import { currentSession } from '../session/active-session.ts';
import { startTracing, type Tracing, type TracingOptions } from './tracing.ts';

/** A tool whose work makes a span of its own, as a database client would, and answers with the session it sees. */
export const weather: Tool = {
  name: 'weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  skipPermission: true,
  handler: () => {
    trace.getTracer('database').startSpan('SELECT weather').end();
    return `rain for ${currentSession()?.id ?? 'nobody'}`;
  },
};

/** A sub-agent that the model can delegate to. */
export const researcher = {
  name: 'researcher',
  displayName: 'Researcher',
  description: 'Looks things up',
  prompt: 'Look.',
};

/** What the model answers, by a marker in the prompt; anything else is echoed. */
function scriptAnswers(): ScriptFunction {
  let overloads = 0;
  const delegate = (mode: string) => ({
    toolCalls: [
      {
        name: 'task',
        arguments: {
          agent_type: 'researcher',
          description: 'look',
          name: 'helper',
          prompt: 'DELEGATED #weather',
          mode,
        },
      },
    ],
  });
  return (request) => {
    const text = request.messages.findLast(({ role }) => role === 'user')?.text ?? '';
    if (request.messages.at(-1)?.role !== 'user') return request.toolResults.at(-1)?.text ?? 'done';
    if (text.includes('#weather')) return { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] };
    if (text.includes('#delegate')) return delegate('sync');
    if (text.includes('#background')) return delegate('background');
    if (text.includes('#slow')) return { text: 'one two three four', chunkDelayMs: 60 };
    if (text.includes('#never')) return { text: 'never', ending: 'never' };
    if (text.includes('#bad')) return { status: 400, message: 'no such thing' };
    if (text.includes('#overloaded') && overloads++ === 0) return { status: 503, message: 'overloaded' };
    return 'echo';
  };
}

/** One test's world: the SDK, a model server, and the real Copilot runtimes opened on it. */
export interface CopilotWorld extends AsyncDisposable {
  readonly tracing: Tracing;
  readonly server: ModelServer;
  /** Starts a runtime and observes its client by hand. */
  open(
    options?: Partial<CopilotOptions>,
    observing?: ObserveOptions,
  ): Promise<OpenCopilot & { readonly observation: Observation }>;
}

export async function startCopilotWorld(options: TracingOptions = {}): Promise<CopilotWorld> {
  const things = new AsyncDisposableStack();
  const tracing = things.use(startTracing(options));
  const server = things.use(await startModelServer({ script: scriptAnswers() }));
  return {
    tracing,
    server,
    async open(opening = {}, observing = {}) {
      const running = things.use(await openCopilot({ url: server.url, tools: [weather], ...opening }));
      return { ...running, observation: observe(copilot, running.client, observing) };
    },
    [Symbol.asyncDispose]: () => things.disposeAsync(),
  };
}

/** A client of a runtime of ours, which plays the cloud. */
export interface CloudWorld extends AsyncDisposable {
  readonly tracing: Tracing;
  readonly runtime: CopilotRuntime;
  readonly client: CopilotClient;
  readonly observation: Observation;
  readonly config: SessionConfig;
}

export async function startCloudWorld(options: CopilotRuntimeOptions = {}): Promise<CloudWorld> {
  const things = new AsyncDisposableStack();
  const tracing = things.use(startTracing());
  const runtime = things.use(await startCopilotRuntime(options));
  const client = new CopilotClient({ connection: RuntimeConnection.forUri(runtime.url) });
  things.defer(() => client.forceStop());
  await client.start();
  const observation = observe(copilot, client);
  const config = { onPermissionRequest: approveAll };
  return { tracing, runtime, client, observation, config, [Symbol.asyncDispose]: () => things.disposeAsync() };
}

/** Waits until this holds; fails after ten seconds. */
export async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 5) {
    if (waited > 10_000) throw new Error('It did not come about within ten seconds.');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
