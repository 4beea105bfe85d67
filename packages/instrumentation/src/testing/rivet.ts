import { setTimeout as wait } from 'node:timers/promises';
import { openRivet, type OpenRivet, type RivetOptions } from '@turnkeeper/model-server/rivet';
import type { SandboxAgent, Session, SessionPersistDriver } from 'sandbox-agent';
import { rivet } from '../adapters/rivet/index.ts';
import { observe, type Observation, type ObserveOptions } from '../observe.ts';
import { startTracing, type Tracing, type TracingOptions } from './tracing.ts';

interface ConnectOptions extends ObserveOptions {
  readonly persist?: SessionPersistDriver;
}

/** One test's world: the SDK, and the real daemons that were started in it. */
export interface RivetWorld extends AsyncDisposable {
  readonly tracing: Tracing;
  /** Starts a daemon of its own. */
  start(options?: RivetOptions): Promise<OpenRivet>;
  /** A client of a daemon, observed by hand. */
  connect(daemon: OpenRivet, options?: ConnectOptions): Promise<ObservedClient>;
  /** A daemon, a client and a session with the scripted agent. */
  open(
    id: string,
    options?: ObserveOptions,
  ): Promise<ObservedClient & { readonly daemon: OpenRivet; readonly session: Session }>;
}

interface ObservedClient {
  readonly client: SandboxAgent;
  readonly observation: Observation;
}

export async function startRivetWorld(options: TracingOptions = {}): Promise<RivetWorld> {
  const things = new AsyncDisposableStack();
  const tracing = things.use(startTracing(options));
  const start = async (opening: RivetOptions = {}): Promise<OpenRivet> => things.use(await openRivet(opening));
  const connect = async (daemon: OpenRivet, connecting: ConnectOptions = {}): Promise<ObservedClient> => {
    const client = await daemon.connect(connecting);
    const observation = observe(rivet, client, connecting);
    things.defer(() => observation.stop());
    return { client, observation };
  };
  return {
    tracing,
    start,
    connect,
    async open(id, observing) {
      const daemon = await start();
      const observed = await connect(daemon, observing);
      const session = await observed.client.createSession({ id, agent: 'cursor', cwd: daemon.cwd });
      return { daemon, ...observed, session };
    },
    [Symbol.asyncDispose]: () => things.disposeAsync(),
  };
}

/** A prompt of one text. */
export function say(text: string): { readonly type: 'text'; readonly text: string }[] {
  return [{ type: 'text', text }];
}

/** The roots of the runs, once there are so many: a run may end after its call. */
export async function rootsOf(tracing: Tracing, count: number, withinMillis = 5_000) {
  const deadline = Date.now() + withinMillis;
  while (tracing.capture.index.runs.length < count && Date.now() < deadline) await wait(10);
  const roots = tracing.capture.index.runs.map(({ root }) => root);
  if (roots.length !== count)
    throw new Error(`${roots.length} runs have ended, not ${count}:\n${tracing.capture.tree()}`);
  return roots;
}
