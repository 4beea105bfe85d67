import type { CallerScope, Millis, RunId } from '../../adapter.ts';
import { isRecord, text } from '../../adapter.ts';
export { isRecord } from '../../adapter.ts';

/**
 * What is observed of Flame: a gRPC client of its `flame.v1.Frontend` service, made with `@grpc/grpc-js` from any
 * definition of it. By its shape.
 */
export interface FlameClient {
  getChannel(): { getTarget(): string };
}

/** The calls that say something about a session or a task. */
export type FlameMethod =
  | 'OpenSession'
  | 'CreateSession'
  | 'GetSession'
  | 'CloseSession'
  | 'CreateTask'
  | 'GetTask'
  | 'WatchTask';

/** What Flame's seams deliver: plain data, as recordings hold it. */
export type FlameNative =
  /** Where the frontend is. */
  | { readonly kind: 'frontend'; readonly address: string; readonly port: number }
  | {
      readonly kind: 'session';
      readonly session: string;
      readonly application?: string | undefined;
      readonly isClosed: boolean;
    }
  | { readonly kind: 'create'; readonly run: RunId; readonly session: string; readonly input?: unknown }
  /** The answer to `CreateTask`, or the gRPC code of its failure. `called`: where the call itself was not seen. */
  | {
      readonly kind: 'created';
      readonly run: RunId;
      readonly task?: FlameTask | undefined;
      readonly failure?: string | undefined;
      readonly called?: Millis | undefined;
    }
  | { readonly kind: 'task'; readonly task: FlameTask }
  | ({ readonly session: string; readonly task: string } & FlameWatch)
  /** The program calls nothing any more. */
  | { readonly kind: 'closed' }
  | {
      readonly kind: 'place';
      readonly session?: string | undefined;
      readonly task?: string | undefined;
      /** Whose it is when that task is over. */
      readonly caller?: CallerScope['caller'] | undefined;
    };

/** What becomes of one stream of a task's states. */
export type FlameWatch =
  | { readonly kind: 'watch' }
  /** Nothing more comes of it. `failure`: the gRPC code, where it has failed or was cancelled. */
  | { readonly kind: 'watch-over'; readonly at: Millis; readonly failure?: string | undefined }
  /** It has failed, `at` that time, and whoever tries again would have done so. */
  | { readonly kind: 'watch-expired'; readonly at: Millis };

/** A task as the service tells it. */
export interface FlameTask {
  readonly id: string;
  readonly session: string;
  /** `pending`, `running`, `succeed`, `failed`, `cancelled`; another word where Flame has a new one. */
  readonly state: string;
  readonly output?: unknown;
}

const SERVICE = '/flame.v1.Frontend/';

const METHODS: ReadonlySet<string> = new Set<FlameMethod>([
  'OpenSession',
  'CreateSession',
  'GetSession',
  'CloseSession',
  'CreateTask',
  'GetTask',
  'WatchTask',
]);

/** The method that a path of gRPC's names, if it is one of Flame's that says something. */
export function methodOf(path: unknown): FlameMethod | undefined {
  if (typeof path !== 'string' || !path.startsWith(SERVICE)) return undefined;
  const method = path.slice(SERVICE.length);
  return isMethod(method) ? method : undefined;
}

function isMethod(name: string): name is FlameMethod {
  return METHODS.has(name);
}

/** Whether a gRPC client is one of Flame's frontend; a client without methods of its own is by the path that it calls. */
export function isFrontend(client: object, path: unknown): boolean {
  return methodOf(path) !== undefined || methodsOf(client).length > 0;
}

/** The names under which a client has methods of Flame's: each may have two. */
export function methodsOf(client: object): { readonly name: string; readonly method: FlameMethod }[] {
  return [...METHODS].flatMap((name) =>
    [name, name.charAt(0).toLowerCase() + name.slice(1)].flatMap((own) => {
      const call: unknown = Reflect.get(client, own);
      const method = typeof call === 'function' && 'path' in call ? methodOf(call.path) : undefined;
      return method === undefined ? [] : [{ name: own, method }];
    }),
  );
}

/** What whoever goes through an object finds: programs make promises of all of a client's methods so. */
export function listedIn(object: object): ReadonlySet<string> {
  const names = new Set<string>();
  for (const name in object) names.add(name);
  return names;
}

/** Of `TaskSpec`: whose it is, and what is asked. */
export function readCreation(request: unknown): { readonly session: string | undefined; readonly input: unknown } {
  const task = member(request, 'task');
  return { session: text(member(task, 'session_id', 'sessionId')), input: member(task, 'input') };
}

/** Whose task is watched. */
export function readPlace(request: unknown): { readonly session: string; readonly task: string } | undefined {
  const session = text(member(request, 'session_id', 'sessionId'));
  const task = text(member(request, 'task_id', 'taskId'));
  return session === undefined || task === undefined ? undefined : { session, task };
}

/** A `Task` of the service's; undefined for what is none. */
export function readTask(value: unknown): FlameTask | undefined {
  const spec = member(value, 'spec');
  const id = text(member(member(value, 'metadata'), 'id'));
  const session = text(member(spec, 'session_id', 'sessionId'));
  if (id === undefined || session === undefined) return undefined;
  return { id, session, state: stateOf(member(member(value, 'status'), 'state')), output: member(spec, 'output') };
}

/** A `Session` of the service's; undefined for what is none. */
export function readSession(value: unknown): Extract<FlameNative, { kind: 'session' }> | undefined {
  const session = text(member(member(value, 'metadata'), 'id'));
  const spec = member(value, 'spec');
  if (session === undefined || text(member(spec, 'session_id', 'sessionId')) !== undefined) return undefined;
  const state = member(member(value, 'status'), 'state');
  const isClosed = state === 1 || state === 'Closed';
  return { kind: 'session', session, application: text(member(spec, 'application')), isClosed };
}

const STATES = ['pending', 'running', 'succeed', 'failed', 'cancelled'];

/** An enumeration's member comes as a number or a word, as the client was told to read it; the first may be left out. */
function stateOf(state: unknown): string {
  if (typeof state === 'number') return STATES[state] ?? `state_${state}`;
  return (text(state) ?? 'pending').toLowerCase().replace(/^.*_state_/, '');
}

const CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** The name of a gRPC error's code. */
export function codeOf(error: unknown): string {
  const code = member(error, 'code');
  return (typeof code === 'number' ? CODES[code] : undefined) ?? 'UNKNOWN';
}

/** `dns:host:port`, or without a scheme. Undefined for what has no port, such as a socket's path. */
export function readTarget(target: string): { readonly address: string; readonly port: number } | undefined {
  const found = /^(?:(?:dns|ipv4|ipv6|passthrough):(?:\/\/[^/]*\/)?)?\[?([^/]*?)\]?:(\d+)$/.exec(target);
  return found?.[1] ? { address: found[1], port: Number(found[2]) } : undefined;
}

/** The first of these members that an object has. */
function member(value: unknown, ...names: readonly string[]): unknown {
  if (!isRecord(value)) return undefined;
  return names.map((name) => value[name]).find((found) => found !== undefined && found !== null);
}
