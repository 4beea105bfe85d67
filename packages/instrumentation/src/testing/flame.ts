import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, type Client, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { startFlame, type FlameInvocation, type RunningFlame } from '@turnkeeper/model-server/flame';
import { flame } from '../adapters/flame/index.ts';
import { observe, type Observation } from '../observe.ts';
import { withSession } from '../session/active-session.ts';
import { startTracing, type Tracing, type TracingOptions } from './tracing.ts';

const proto = fileURLToPath(new URL('../../../../examples/flame/flame.proto', import.meta.url));

/** Where a real Flame listens, if the tests are to run against it. */
export const realFlame: string | undefined = process.env['FLAME_ENDPOINT'];

/** An application that the real Flame has, by its name; it answers whatever it is asked. */
export const application: string = process.env['FLAME_APPLICATION'] ?? 'echo';

export interface FlameTask {
  readonly metadata: { readonly id: string };
  /** A number, or a name, as the client reads enumerations. */
  readonly status: { readonly state: string | number };
  readonly spec: { readonly session_id: string; readonly output?: Uint8Array };
}

type Reply<T> = (error: ServiceError | null, value?: T) => void;

/** The frontend's methods as a client made from the definition has them. */
export interface FrontendClient extends Client {
  OpenSession(request: object, reply: Reply<object>): void;
  CloseSession(request: object, reply: Reply<object>): void;
  CreateTask(request: object, reply: Reply<FlameTask>): { cancel(): void };
  CreateTask(request: object, metadata: Metadata, reply: Reply<FlameTask>): void;
  CreateTask(request: object, metadata: Metadata, options: object, reply: Reply<FlameTask>): void;
  GetTask(request: object, reply: Reply<FlameTask>): void;
  WatchTask(request: object, options?: object): AsyncIterable<FlameTask> & NodeJS.EventEmitter & { cancel(): void };
}

/** One test's world: the SDK, a frontend (a stand-in, or the real one), and a client of it. */
export interface FlameWorld extends AsyncDisposable {
  readonly tracing: Tracing;
  /** The stand-in. */
  readonly server: RunningFlame | undefined;
  readonly client: FrontendClient;
  readonly observation: Observation | undefined;
  open(session: string, app?: string): Promise<object>;
  create(session: string, input: string, metadata?: Metadata): Promise<FlameTask>;
  /** The states that a watch tells, to the end. */
  watch(task: FlameTask): Promise<string[]>;
}

export interface FlameWorldOptions extends TracingOptions {
  readonly isObserved?: boolean;
  readonly enums?: typeof String;
}

export async function startFlameWorld(options: FlameWorldOptions = {}): Promise<FlameWorld> {
  const things = new AsyncDisposableStack();
  const tracing = things.use(startTracing(options));
  const server =
    realFlame === undefined
      ? things.use(await startFlame({ proto, applications: { [application]: work } }))
      : undefined;
  const client = things.adopt(connectFlame(realFlame ?? server?.endpoint ?? '', options.enums), (it) => it.close());
  const observation = options.isObserved === false ? undefined : observe(flame, client);
  return {
    tracing,
    server,
    client,
    observation,
    open: (session_id, app = application) =>
      called((reply) => client.OpenSession({ session_id, session: { application: app } }, reply)),
    create: (session_id, input, metadata) => {
      const request = { task: { session_id, input: Buffer.from(input) } };
      return called((reply) =>
        metadata ? client.CreateTask(request, metadata, reply) : client.CreateTask(request, reply),
      );
    },
    async watch({ metadata, spec }) {
      const states: string[] = [];
      for await (const task of client.WatchTask({ task_id: metadata.id, session_id: spec.session_id })) {
        states.push(String(task.status.state));
      }
      return states;
    },
    [Symbol.asyncDispose]: () => things.disposeAsync(),
  };
}

/** A client of the frontend that listens there. */
export function connectFlame(endpoint: string, enums?: typeof String): FrontendClient {
  const loaded = loadSync(proto, { keepCase: true, defaults: true, ...(enums && { enums }) });
  const frontend: unknown = Reflect.get(
    Object(Reflect.get(Object(loadPackageDefinition(loaded)['flame']), 'v1')),
    'Frontend',
  );
  if (!isFrontendClass(frontend)) throw new Error(`${proto} describes no frontend`);
  return new frontend(endpoint, credentials.createInsecure());
}

/** Starts the stand-in as a process of its own. */
export async function startFlameProcess(): Promise<
  AsyncDisposable & { readonly process: ChildProcess; readonly endpoint: string }
> {
  const script = fileURLToPath(new URL('flame-process.ts', import.meta.url));
  const child = spawn(process.execPath, [script, proto], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const [endpoint] = await once(createInterface(child.stdout), 'line');
  return {
    process: child,
    endpoint: String(endpoint),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** A wire to the frontend: it can be cut, and mends at once. */
export interface Wire extends AsyncDisposable {
  readonly endpoint: string;
  readonly cut: () => void;
}

export async function stretchWire(to: string): Promise<Wire> {
  const open = new Set<Socket>();
  const [host = '', port] = to.split(':');
  const relay = createServer((here) => {
    const there = connect(Number(port), host);
    for (const [socket, other] of [
      [here, there],
      [there, here],
    ] as const) {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket) && other.destroy());
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const cut = (): void => open.forEach((socket) => socket.destroy());
  const address = relay.address();
  return {
    endpoint: `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}

function isFrontendClass(value: unknown): value is new (address: string, secret: object) => FrontendClient {
  return typeof value === 'function' && 'service' in value;
}

/** A call with a callback, as a promise. */
export function called<T>(call: (reply: Reply<T>) => void): Promise<T> {
  return new Promise((resolve, reject) =>
    call((error, value) => {
      if (value === undefined) reject(error ?? new Error('There was no answer.'));
      else resolve(value);
    }),
  );
}

/**
 * The instance's side: its work hangs below the turn that its headers name, in the session that they name. Only the
 * frontend speaks to it, so the headers may be believed; without them, the session is as Flame calls it.
 */
async function work({ input, headers, session }: FlameInvocation): Promise<string> {
  const caller = propagation.extract(ROOT_CONTEXT, headers);
  const id = propagation.getBaggage(caller)?.getEntry('session.id')?.value ?? session;
  return await context.with(caller, () =>
    withSession(id, async () => {
      trace.getTracer('instance').startSpan('SELECT recommendation').end();
      await new Promise((resolve) => setTimeout(resolve, input.includes('#slow') ? 500 : 5));
      if (input.includes('#fail')) throw new Error('no such thing');
      if (input.includes('#cancel')) throw new DOMException('enough', 'AbortError');
      if (input.includes('#never')) await new Promise(() => {});
      return `echo: ${input}`;
    }),
  );
}
