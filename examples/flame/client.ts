/** A thin client of Flame's frontend: sessions are got or created, and a task is run until it is over. */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { credentials, loadPackageDefinition, type Client, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { SessionContext, sessionContext } from '@turnkeeper/instrumentation';

/** The states of a task, as they come after one another. */
export type TaskState = 'Pending' | 'Running' | 'Succeed' | 'Failed' | 'Cancelled';

interface Task {
  readonly metadata: { readonly id: string };
  readonly spec: { readonly session_id: string; readonly output?: Uint8Array };
  readonly status: { readonly state: TaskState; readonly events: readonly { readonly message?: string }[] };
}

interface Session {
  readonly metadata: { readonly id: string };
  readonly spec: { readonly application: string };
}

type Reply<T> = (error: ServiceError | null, value?: T) => void;

/** The frontend's methods as gRPC makes them of the definition. */
export interface Frontend extends Client {
  OpenSession(request: object, reply: Reply<Session>): void;
  CloseSession(request: object, reply: Reply<Session>): void;
  CreateTask(request: object, reply: Reply<Task>): void;
  WatchTask(request: object): AsyncIterable<Task>;
}

export interface OpenOptions {
  /** Which application's instances do the work. Default: the one that the context names. */
  readonly application?: string;
  /** Beats the context's. */
  readonly id?: string;
  /** What every instance is given when it enters the session. */
  readonly commonData?: string;
}

/** A task that ended otherwise than well. */
export class TaskError extends Error {
  readonly state: TaskState;

  constructor(state: TaskState, message: string) {
    super(message);
    this.name = 'TaskError';
    this.state = state;
  }
}

/** One session: a conversation with the instances of one application. */
export class FlameSession implements AsyncDisposable {
  readonly id: string;
  readonly #frontend: Frontend;

  constructor(id: string, frontend: Frontend) {
    this.id = id;
    this.#frontend = frontend;
  }

  /**
   * Creates a task, and watches it until it is over. Returns its output.
   * @throws TaskError where it failed or was cancelled; the gRPC error where it was not accepted.
   */
  async run(input: string, onState: (state: TaskState) => void = () => {}): Promise<string> {
    const task = { session_id: this.id, input: Buffer.from(input) };
    const { metadata } = await ask<Task>((reply) => this.#frontend.CreateTask({ task }, reply));
    for await (const { status, spec } of this.#frontend.WatchTask({ task_id: metadata.id, session_id: this.id })) {
      onState(status.state);
      if (status.state === 'Succeed') return Buffer.from(spec.output ?? []).toString();
      if (status.state === 'Failed' || status.state === 'Cancelled') {
        throw new TaskError(
          status.state,
          status.events.at(-1)?.message ?? `The task has ${status.state.toLowerCase()}.`,
        );
      }
    }
    throw new Error(`Nobody told how task ${metadata.id} of session ${this.id} ended.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ask<Session>((reply) => this.#frontend.CloseSession({ session_id: this.id }, reply));
  }
}

/** Connects to a frontend, `host:port`, without encryption. */
export function connect(endpoint: string): Frontend {
  const loaded = loadSync(join(import.meta.dirname, 'flame.proto'), { keepCase: true, enums: String, defaults: true });
  const { flame } = loadPackageDefinition(loaded);
  const Constructor: unknown = Reflect.get(Object(Reflect.get(Object(flame), 'v1')), 'Frontend');
  if (!isFrontend(Constructor)) throw new Error('flame.proto describes no frontend.');
  return new Constructor(endpoint, credentials.createInsecure());
}

/**
 * Opens the session of an execution object, a class, an instance or a function: under the id that is given, else that
 * of its `SessionContext`, else a new one, made of the application's name.
 */
export async function openSession(
  frontend: Frontend,
  target: object,
  { application: given, id, commonData }: OpenOptions = {},
): Promise<FlameSession> {
  const context = contextOf(target);
  const application = given ?? context?.applicationName;
  if (application === undefined) throw new TypeError('Name the application, here or in the SessionContext.');
  const session_id = id ?? context?.sessionId ?? automaticId(application);
  const session = { application, ...(commonData !== undefined && { common_data: Buffer.from(commonData) }) };
  const opened = await ask<Session>((reply) => frontend.OpenSession({ session_id, session }, reply));
  return new FlameSession(opened.metadata.id, frontend);
}

/** What an object, or else its class, was given or inherits. */
function contextOf(target: object): SessionContext | undefined {
  const found: unknown = Reflect.get(target, sessionContext) ?? Reflect.get(target.constructor, sessionContext);
  return found instanceof SessionContext ? found : undefined;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

function automaticId(application: string): string {
  return `${application}-${Array.from({ length: 6 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')}`;
}

function isFrontend(value: unknown): value is new (address: string, secret: object) => Frontend {
  return typeof value === 'function' && 'service' in value;
}

/** A call with a callback, as a promise. */
function ask<T>(call: (reply: Reply<T>) => void): Promise<T> {
  return new Promise((resolve, reject) =>
    call((error, value) => {
      if (value === undefined) reject(error ?? new Error('There was no answer.'));
      else resolve(value);
    }),
  );
}
