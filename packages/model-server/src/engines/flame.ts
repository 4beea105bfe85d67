import {
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { isObject, stringOf, type JsonObject } from '../json.ts';

/** What an instance of an application is given for one task: who asks, and the headers that came with the task. */
export interface FlameInvocation {
  readonly session: string;
  readonly task: string;
  readonly input: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An application: what it returns is the task's output; what it throws fails the task. */
export type FlameApplication = (invocation: FlameInvocation) => string | Promise<string>;

export interface FlameOptions {
  /** The path of a .proto that describes `flame.v1.Frontend`. */
  readonly proto: string;
  readonly applications: Readonly<Record<string, FlameApplication>>;
}

/** A running stand-in of Flame's frontend. */
export interface RunningFlame extends AsyncDisposable {
  /** `127.0.0.1:<port>` */
  readonly endpoint: string;
  /** The requests so far, oldest first, each with its headers. */
  readonly requests: readonly { readonly method: string; readonly headers: Readonly<Record<string, string>> }[];
}

interface Task {
  readonly metadata: { readonly id: string };
  readonly spec: { readonly session_id: string; readonly input?: unknown; output?: Buffer };
  readonly status: { state: string; events: { readonly code: number; readonly message: string }[] };
  readonly watchers: Set<() => void>;
}

interface Session {
  readonly metadata: { readonly id: string };
  readonly spec: JsonObject;
  readonly status: { state: string };
  readonly tasks: Map<string, Task>;
}

const TERMINAL: ReadonlySet<string> = new Set(['Succeed', 'Failed', 'Cancelled']);

/**
 * Starts a stand-in of Flame's frontend on a free port of 127.0.0.1: sessions are got or created, tasks run one step
 * after another through pending and running to their end, and the instances of the applications run in here.
 */
export async function startFlame({ proto, applications }: FlameOptions): Promise<RunningFlame> {
  const sessions = new Map<string, Session>();
  const requests: { readonly method: string; readonly headers: Readonly<Record<string, string>> }[] = [];

  const create = (id: string, spec: JsonObject): Session => {
    const application = stringOf(spec['application']);
    if (id === '' || application === '')
      throw failure(status.INVALID_ARGUMENT, 'A session needs an id and an application.');
    if (!(application in applications)) throw failure(status.NOT_FOUND, `There is no application ${application}.`);
    const session: Session = { metadata: { id }, spec, status: { state: 'Open' }, tasks: new Map() };
    sessions.set(id, session);
    return session;
  };
  const find = (request: unknown): Session => {
    const id = stringOf(memberOf(request, 'session_id'));
    const session = sessions.get(id);
    if (!session) throw failure(status.NOT_FOUND, `There is no session ${id}.`);
    return session;
  };
  const findTask = (request: unknown): Task => {
    const id = stringOf(memberOf(request, 'task_id'));
    const task = find(request).tasks.get(id);
    if (!task) throw failure(status.NOT_FOUND, `There is no task ${id}.`);
    return task;
  };

  const unary: Record<string, (request: unknown, headers: Readonly<Record<string, string>>) => object> = {
    CreateSession: (request) => {
      const id = stringOf(memberOf(request, 'session_id'));
      if (sessions.has(id)) throw failure(status.ALREADY_EXISTS, `There is a session ${id}.`);
      return create(id, objectOf(memberOf(request, 'session')));
    },
    OpenSession: (request) => {
      const id = stringOf(memberOf(request, 'session_id'));
      const asked = memberOf(request, 'session');
      const known = sessions.get(id);
      if (!known) {
        if (!isObject(asked)) throw failure(status.NOT_FOUND, `There is no session ${id}.`);
        return create(id, asked);
      }
      if (isObject(asked) && asked['application'] !== known.spec['application']) {
        throw failure(status.INVALID_ARGUMENT, `Session ${id} is of another application.`);
      }
      return known;
    },
    GetSession: find,
    CloseSession: (request) => {
      const session = find(request);
      session.status.state = 'Closed';
      return session;
    },
    CreateTask: (request, headers) => {
      const spec = objectOf(memberOf(request, 'task'));
      const session = find(spec);
      if (session.status.state === 'Closed') throw failure(status.INVALID_ARGUMENT, 'The session is closed.');
      const id = String(session.tasks.size + 1);
      const input = spec['input'] instanceof Uint8Array ? Buffer.from(spec['input']).toString() : '';
      const task: Task = {
        metadata: { id },
        spec: { session_id: session.metadata.id, input: spec['input'] },
        status: { state: 'Pending', events: [] },
        watchers: new Set(),
      };
      session.tasks.set(id, task);
      const application = applications[stringOf(session.spec['application'])];
      setImmediate(() => void work(task, application, { session: session.metadata.id, task: id, input, headers }));
      return { ...task, status: { ...task.status } };
    },
    GetTask: findTask,
  };

  const server = new Server();
  const note = (method: string, call: { readonly metadata: Metadata }): Readonly<Record<string, string>> => {
    const headers = Object.fromEntries(
      Object.entries(call.metadata.getMap()).map(([name, value]) => [name, value.toString()]),
    );
    requests.push({ method, headers });
    return headers;
  };
  const handlers: UntypedServiceImplementation = {};
  for (const [method, handle] of Object.entries(unary)) {
    const answerOne: handleUnaryCall<unknown, object> = (call, answer) => {
      try {
        answer(null, handle(call.request, note(method, call)));
      } catch (error) {
        answer(isObject(error) ? error : failure(status.INTERNAL, String(error)));
      }
    };
    handlers[method] = answerOne;
  }
  const watchTask: handleServerStreamingCall<unknown, object> = (call) => {
    note('WatchTask', call);
    try {
      const task = findTask(call.request);
      const tell = (): void => {
        call.write(task);
        if (!TERMINAL.has(task.status.state)) return;
        task.watchers.delete(tell);
        call.end();
      };
      call.on('cancelled', () => task.watchers.delete(tell));
      task.watchers.add(tell);
      tell();
    } catch (error) {
      call.emit('error', error);
    }
  };
  handlers['WatchTask'] = watchTask;
  server.addService(serviceIn(proto), handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    endpoint: `127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

async function work(task: Task, application: FlameApplication | undefined, invocation: FlameInvocation): Promise<void> {
  const become = (state: string): void => {
    task.status.state = state;
    for (const tell of task.watchers) tell();
  };
  become('Running');
  try {
    task.spec.output = Buffer.from((await application?.(invocation)) ?? '');
    become('Succeed');
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') {
      become('Cancelled');
      return;
    }
    task.status.events.push({ code: 1, message: error instanceof Error ? error.message : String(error) });
    become('Failed');
  }
}

function serviceIn(proto: string): ServiceDefinition {
  const loaded = loadPackageDefinition(
    loadSync(proto, { keepCase: true, enums: String, defaults: true, oneofs: true }),
  );
  const frontend = memberOf(memberOf(memberOf(loaded, 'flame'), 'v1'), 'Frontend');
  const service = typeof frontend === 'function' && 'service' in frontend ? frontend.service : undefined;
  if (!isService(service)) throw new Error(`${proto} describes no flame.v1.Frontend`);
  return service;
}

function isService(value: unknown): value is ServiceDefinition {
  return typeof value === 'object' && value !== null && 'CreateTask' in value;
}

function failure(code: status, details: string): object {
  return { code, details, metadata: new Metadata() };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}
