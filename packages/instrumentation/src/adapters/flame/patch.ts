import { listenToMethod, wrapMethod, type Carrier, type Patch, type RunId, type Tap } from '../../adapter.ts';
import {
  codeOf,
  isFrontend,
  isRecord,
  listedIn,
  methodOf,
  methodsOf,
  readCreation,
  readPlace,
  readSession,
  readTarget,
  readTask,
  type FlameClient,
  type FlameMethod,
  type FlameNative,
} from './native.ts';

/**
 * What every call of a gRPC client goes through, whether its methods are of a class that was generated, and call
 * `make…Request` of their own, or of one that was made from a definition, and do not: reading the arguments.
 */
const CHECKS = ['checkOptionalUnaryResponseArguments', 'checkMetadataAndOptions'] as const;

const REQUESTS = ['makeUnaryRequest', 'makeServerStreamRequest'] as const;

/** How long a task whose watch has failed may be watched again, or asked after, before its turn ends. Milliseconds. */
const GRACE = 5_000;

/** A client is met at its first call. */
export const patches: readonly Patch[] = [
  {
    module: '@grpc/grpc-js',
    export: 'Client',
    methods: [...REQUESTS, ...CHECKS],
    accepts: (client, args) => isFrontend(client, args[0]),
  },
];

/** A call of one of Flame's methods, until its arguments have been read. */
interface Call {
  readonly method: FlameMethod;
  readonly request: unknown;
  /** The turn that it begins. */
  readonly run?: RunId;
}

/** Listens to the calls of one client and their answers, and sends the trace context along. */
export function attach(client: FlameClient, tap: Tap<FlameNative>): () => void {
  const undo: ((() => void) | undefined)[] = [];
  // The one call of the client's: it gives what is there.
  tap.guard(() => {
    const place = readTarget(client.getChannel().getTarget());
    if (place) tap.deliver({ kind: 'frontend', ...place });
  });
  /** The call whose arguments are being read: all of this is synchronous. */
  let reading: Call | undefined;
  /** A client that is met by patch is so in the middle of its first call: that one is known by its answer only. */
  let hasCalled = false;

  const call = (method: FlameMethod, request: unknown, proceed: () => unknown): unknown => {
    hasCalled = true;
    if (reading) return proceed();
    const { session, input } = readCreation(request);
    if (method !== 'CreateTask' || session === undefined) {
      return during({ method, request }, () => watch(method, request, proceed(), tap));
    }
    const run = tap.mint();
    const work = (): unknown => {
      tap.deliver({ kind: 'create', run, session, input });
      return during({ method, request, run }, proceed);
    };
    // What cannot be sent throws, and is never answered.
    return tap.run(run, [client], work, (_call, failure) => {
      if (failure) tap.deliver({ kind: 'created', run, failure: codeOf(failure.error) });
    });
  };
  const during = (begun: Call, work: () => unknown): unknown => {
    reading = begun;
    try {
      return work();
    } finally {
      reading = undefined;
    }
  };

  const listed = listedIn(client);
  for (const { name, method } of methodsOf(client)) {
    undo.push(wrapMethod(client, name, (proceed, args) => call(method, args[0], () => proceed(...args))));
    if (listed.has(name)) Reflect.defineProperty(client, name, { enumerable: true });
  }
  for (const name of REQUESTS) {
    undo.push(
      wrapMethod(client, name, (proceed, args) => {
        const method = methodOf(args[0]);
        return method === undefined ? proceed(...args) : call(method, args[3], () => proceed(...args));
      }),
    );
  }
  for (const name of CHECKS) {
    undo.push(
      wrapMethod(client, name, (proceed, args) => {
        const begun = reading;
        reading = undefined;
        const isFirst = !begun && !hasCalled;
        hasCalled = true;
        const checked = proceed(...args);
        if (!isRecord(checked) || (!begun && !isFirst)) return checked;
        return { ...checked, ...equip(checked, begun, tap) };
      }),
    );
  }
  if (undo.every((step) => step === undefined)) tap.warn('this client has no calls that can be observed');
  undo.push(listenToMethod(client, 'close', () => tap.deliver({ kind: 'closed' })));
  return () => {
    for (const step of undo.splice(0).toReversed()) step?.();
  };
}

/** The arguments of a call, with the trace context in its metadata, and an ear at its answer. */
function equip(
  { metadata, callback }: Record<string, unknown>,
  begun: Call | undefined,
  tap: Tap<FlameNative>,
): Record<string, unknown> {
  const place: FlameNative = { kind: 'place', ...(begun?.method === 'WatchTask' && readPlace(begun.request)) };
  const sent = tap.around(place, (carrier) => withCarrier(metadata, carrier('peer')));
  if (typeof callback !== 'function') return { metadata: sent };
  const hear = begun ? (error: unknown, answer: unknown) => note(begun, error, answer, tap) : listenFirst(tap);
  const heard = (error: unknown, ...answers: unknown[]): unknown => {
    tap.guard(() => hear(error, answers[0]));
    return Reflect.apply(callback, undefined, [error, ...answers]);
  };
  return { metadata: sent, callback: heard };
}

function note(begun: Call, error: unknown, answer: unknown, tap: Tap<FlameNative>): void {
  const failure = error ? codeOf(error) : undefined;
  const { method, run } = begun;
  if (run !== undefined) {
    tap.deliver({ kind: 'created', run, task: readTask(answer), failure });
    return;
  }
  const task = readTask(answer);
  if (method === 'GetTask' && task) tap.deliver({ kind: 'task', task });
  const session = readSession(answer);
  if (session) tap.deliver(method === 'CloseSession' ? { ...session, isClosed: true } : session);
}

/** The answer shows what the call was. */
function listenFirst(tap: Tap<FlameNative>): (error: unknown, answer: unknown) => void {
  const called = tap.now();
  const run = tap.mint();
  tap.caller(run);
  return (_error, answer) => {
    const session = readSession(answer);
    const task = readTask(answer);
    if (session) tap.deliver(session);
    else if (task) tap.deliver({ kind: 'created', run, task, called });
  };
}

/** Hears what a stream of a task's states says, without making it flow; its listeners run in the task's turn. */
function watch(method: FlameMethod, request: unknown, stream: unknown, tap: Tap<FlameNative>): unknown {
  const place = readPlace(request);
  if (method !== 'WatchTask' || !isRecord(stream) || !place) return stream;
  listenToMethod(stream, 'push', ([chunk]) => {
    const task = readTask(chunk);
    if (task) tap.deliver({ kind: 'task', task });
  });
  tap.deliver({ kind: 'watch', ...place });
  // gRPC tells of the end in the context of whoever made the connection.
  const caller = `watch of ${place.session}`;
  tap.caller(caller);
  let isOpen = true;
  const end = (failure?: string): void => {
    if (!isOpen) return;
    isOpen = false;
    const at = tap.now();
    tap.deliver({ kind: 'watch-over', ...place, at, failure });
    if (failure !== undefined) tap.later(GRACE, { kind: 'watch-expired', ...place, at });
  };
  wrapMethod(stream, 'emit', (proceed, args) => {
    if (args[0] === 'error') end(codeOf(args[1]));
    else if (args[0] === 'close') end();
    return tap.around({ kind: 'place', ...place, caller }, () => proceed(...args));
  });
  return stream;
}

/** A copy with these headers, for the caller may use its own again; what it has set itself stays. */
function withCarrier(metadata: unknown, carrier: Carrier): unknown {
  if (!isMetadata(metadata) || Object.keys(carrier).length === 0) return metadata;
  const copy = metadata.clone();
  // gRPC's own copy lacks what the caller keeps on it for its interceptors, and does not send.
  for (const [key, value] of Object.entries(metadata)) if (!Reflect.get(copy, key)) Reflect.set(copy, key, value);
  for (const [name, value] of Object.entries(carrier)) if (copy.get(name).length === 0) copy.set(name, value);
  return copy;
}

interface MetadataLike {
  clone(): MetadataLike;
  get(name: string): readonly unknown[];
  set(name: string, value: string): void;
}

function isMetadata(value: unknown): value is MetadataLike {
  return isRecord(value) && ['clone', 'get', 'set'].every((name) => typeof Reflect.get(value, name) === 'function');
}
