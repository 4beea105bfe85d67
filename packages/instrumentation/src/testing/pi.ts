import { defineTool } from '@earendil-works/pi-coding-agent';
import { trace } from '@opentelemetry/api';
import { byMarker, startModelServer, type ModelServer, type ScriptFunction } from '@turnkeeper/model-server';
import { openPi, type OpenPi, type PiOptions } from '@turnkeeper/model-server/pi';
import { pi } from '../adapters/pi/index.ts';
import { observe, type Observation, type ObserveOptions } from '../observe.ts';
import { currentSession } from '../session/active-session.ts';
import { startTracing, type Tracing, type TracingOptions } from './tracing.ts';

/** A tool whose work makes a span of its own, as a database client would, and answers with the session it sees. */
const weather = defineTool({
  name: 'weather',
  label: 'Weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  execute: async () => {
    trace.getTracer('database').startSpan('SELECT weather').end();
    return { content: [{ type: 'text', text: `rain for ${currentSession()?.id ?? 'nobody'}` }], details: undefined };
  },
});

/** What the model answers, by a marker in the prompt; anything else is echoed. */
function scriptAnswers(): ScriptFunction {
  return byMarker(
    {
      '#weather': { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] },
      '#helper': { toolCalls: [{ name: 'helper', arguments: {} }] },
      '#script': { toolCalls: [{ name: 'codemode', arguments: { code: 'return await tools.lookup({})' } }] },
      '#slow': { text: 'slow', delayMs: 200 },
      '#never': { text: 'never', ending: 'never' },
      '#bad': { status: 400, message: 'no such thing' },
      '#overloaded': [{ status: 503, message: 'overloaded' }, 'better now'],
      '#unsummed': ['an answer', { status: 400, message: 'no such thing' }],
      '#broken': { status: 503, message: 'overloaded' },
    },
    (request) => request.toolResults.at(-1)?.text ?? `echo: ${request.lastUserText}`,
  );
}

/** One test's world: the SDK, a model server and the real Pi sessions opened on it. */
export interface PiWorld extends AsyncDisposable {
  readonly tracing: Tracing;
  readonly server: ModelServer;
  /** Opens a Pi session and observes it by hand. */
  open(
    options?: Partial<PiOptions>,
    observing?: ObserveOptions,
  ): Promise<OpenPi & { readonly observation: Observation }>;
}

export async function startPiWorld(options: TracingOptions = {}): Promise<PiWorld> {
  const things = new AsyncDisposableStack();
  const tracing = things.use(startTracing(options));
  const server = things.use(await startModelServer({ script: scriptAnswers() }));
  return {
    tracing,
    server,
    async open(opening = {}, observing = {}) {
      const running = things.use(await openPi({ url: server.url, id: 'pi-own', tools: [weather], ...opening }));
      return { ...running, observation: observe(pi, running.session, observing) };
    },
    [Symbol.asyncDispose]: () => things.disposeAsync(),
  };
}
