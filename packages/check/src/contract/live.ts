import type { TracerProvider } from '@opentelemetry/api';
import { observe, type Observation } from '@turnkeeper/instrumentation';
import type { Adapter } from '@turnkeeper/instrumentation/adapter';
import { createCapture, type CaptureSpanProcessor, type LiveCapture } from '../capture.ts';

/** A real engine, to be observed. */
export interface LiveEngine<Target extends object> extends AsyncDisposable {
  readonly target: Target;
  /** One turn of a conversation, to its end. Whatever it rejects with, the engine is at fault. */
  turn(): Promise<unknown>;
}

/** What the laws on the live engine need. */
export interface LiveOptions<Target extends object> {
  /** A tracer provider of your SDK: `(processor) => new BasicTracerProvider({ spanProcessors: [processor] })`. */
  readonly provider: (processor: CaptureSpanProcessor) => TracerProvider;
  /** Opens the real engine, offline. */
  readonly live: () => Promise<LiveEngine<Target>>;
  /** Methods that observing may call: those that take a listener. */
  readonly mayCall?: readonly string[];
}

type AdapterOf<Target extends object> = Adapter<Target, unknown, unknown>;

/** A turn of the real engine is a run. */
export async function notTraced<Target extends object>(
  adapter: AdapterOf<Target>,
  options: LiveOptions<Target>,
): Promise<string[]> {
  await using engine = await options.live();
  const { capture, observation } = watch(adapter, engine.target, options);
  await engine.turn();
  observation.stop();
  return capture.index.runs.length > 0 ? [] : ['a turn of the engine left no run'];
}

/** After detaching, it is silent, and the target has what it had. */
export async function notDetached<Target extends object>(
  adapter: AdapterOf<Target>,
  options: LiveOptions<Target>,
): Promise<string[]> {
  await using engine = await options.live();
  const before = ownOf(engine.target);
  const { capture, observation } = watch(adapter, engine.target, options);
  observation.stop();
  const problems: string[] = [];
  const after = ownOf(engine.target);
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [had, has] = [before.get(key), after.get(key)];
    if (had?.value !== has?.value || had?.get !== has?.get)
      problems.push(`${String(key)} of the target is not as it was`);
  }
  await engine.turn();
  if (capture.spans.length > 0) problems.push(`${capture.spans.length} spans were written after detaching`);
  return problems;
}

/** A consumer that throws never reaches the engine. */
export async function notShielded<Target extends object>(
  adapter: AdapterOf<Target>,
  options: LiveOptions<Target>,
): Promise<string[]> {
  await using engine = await options.live();
  const throwing: AdapterOf<Target> = {
    ...adapter,
    translate: () => {
      throw new Error('a consumer that throws');
    },
  };
  const { observation } = watch(throwing, engine.target, options);
  try {
    await engine.turn();
    return [];
  } catch (error) {
    return [`the engine's turn failed with the consumer: ${String(error)}`];
  } finally {
    observation.stop();
  }
}

/** The engine is never called by observing it. */
export async function called<Target extends object>(
  adapter: AdapterOf<Target>,
  options: LiveOptions<Target>,
): Promise<string[]> {
  await using bare = await options.live();
  const unobserved = await callsDuring(bare, () => undefined);
  await using observed = await options.live();
  const calls = await callsDuring(observed, () => watch(adapter, observed.target, options).observation);
  return [...calls]
    .filter(([name, count]) => count > (unobserved.get(name) ?? 0) && !options.mayCall?.includes(name))
    .map(([name, count]) => `${name} was called ${count} times, ${unobserved.get(name) ?? 0} without observing`);
}

function watch<Target extends object>(
  adapter: AdapterOf<Target>,
  target: Target,
  { provider }: LiveOptions<Target>,
): { readonly capture: LiveCapture; readonly observation: Observation } {
  const capture = createCapture();
  return { capture, observation: observe(adapter, target, { tracerProvider: provider(capture.spanProcessor) }) };
}

/** How often each method of the target's class was called during a turn. */
async function callsDuring<Target extends object>(
  engine: LiveEngine<Target>,
  prepare: () => Observation | undefined,
): Promise<Map<string, number>> {
  const calls = new Map<string, number>();
  const prototype = Reflect.getPrototypeOf(engine.target) ?? {};
  const undo: (() => void)[] = [];
  for (const name of Object.getOwnPropertyNames(prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    const original: unknown = descriptor?.value;
    if (typeof original !== 'function' || name === 'constructor' || !descriptor) continue;
    Object.defineProperty(prototype, name, {
      ...descriptor,
      value(this: unknown, ...args: unknown[]): unknown {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return Reflect.apply(original, this, args);
      },
    });
    undo.push(() => Object.defineProperty(prototype, name, descriptor));
  }
  try {
    const observation = prepare();
    await engine.turn();
    observation?.stop();
  } finally {
    for (const step of undo) step();
  }
  return calls;
}

function ownOf(target: object): Map<PropertyKey, PropertyDescriptor | undefined> {
  return new Map(Reflect.ownKeys(target).map((key) => [key, Object.getOwnPropertyDescriptor(target, key)]));
}
