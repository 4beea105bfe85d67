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
  /**
   * A tracer provider of your SDK: `(processor) => new TracerProvider({ spanProcessors: [processor] })`, or, before
   * `@opentelemetry/sdk-trace`, `BasicTracerProvider` of `sdk-trace-base`.
   */
  readonly provider: (processor: CaptureSpanProcessor) => TracerProvider;
  /** Opens the real engine, offline. */
  readonly live: () => Promise<LiveEngine<Target>>;
  /** Methods that observing may call: those that take a listener, and those that only hand out what there is. */
  readonly mayCall?: readonly string[];
}

type AdapterOf<Target extends object> = Adapter<Target, unknown, unknown>;

/** A turn of the real engine is a run. */
export async function notTraced<Target extends object>(
  adapter: AdapterOf<Target>,
  options: LiveOptions<Target>,
): Promise<string[]> {
  await using engine = await options.live();
  const thrown = new Set<string>();
  const { capture, observation } = watch(noting(adapter, thrown), engine.target, options);
  await engine.turn();
  observation.stop();
  if (capture.index.runs.length > 0) return [];
  return [['a turn of the engine left no run', ...thrown].join(': ')];
}

/** The adapter, and what it throws: nothing of that reaches whoever observes. */
function noting<Target extends object>(adapter: AdapterOf<Target>, thrown: Set<string>): AdapterOf<Target> {
  const note = (name: string, error: unknown): never => {
    thrown.add(`${name} threw ${String(error)}`);
    throw error;
  };
  return {
    ...adapter,
    start(target) {
      try {
        return adapter.start(target);
      } catch (error) {
        return note('start', error);
      }
    },
    attach(target, tap) {
      try {
        return adapter.attach(target, tap);
      } catch (error) {
        return note('attach', error);
      }
    },
    *translate(native, state) {
      try {
        yield* adapter.translate(native, state);
      } catch (error) {
        note('translate', error);
      }
    },
  };
}

/** After detaching, it is silent, and the target has what it had. */
export async function notDetached<Target extends object>(
  adapter: AdapterOf<Target>,
  options: LiveOptions<Target>,
): Promise<string[]> {
  await using engine = await options.live();
  const before = membersOf(engine.target);
  const { capture, observation } = watch(adapter, engine.target, options);
  observation.stop();
  const problems: string[] = [];
  for (const [owner, had] of before) {
    const has = ownOf(owner);
    const whose = owner === engine.target ? 'the target' : 'the target’s class';
    for (const key of new Set([...had.keys(), ...has.keys()])) {
      const [was, is] = [had.get(key), has.get(key)];
      if (was?.value !== is?.value || was?.get !== is?.get)
        problems.push(`${String(key)} of ${whose} is not as it was`);
    }
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

/** How often each method that the target inherits was called on it during a turn. */
async function callsDuring<Target extends object>(
  engine: LiveEngine<Target>,
  prepare: () => Observation | undefined,
): Promise<Map<string, number>> {
  const calls = new Map<string, number>();
  const undo: (() => void)[] = [];
  for (const prototype of lineOf(engine.target).slice(1)) {
    for (const [name, descriptor] of ownOf(prototype)) {
      const original: unknown = descriptor?.value;
      if (typeof name !== 'string' || typeof original !== 'function' || name === 'constructor' || !descriptor) continue;
      Object.defineProperty(prototype, name, {
        ...descriptor,
        value(this: unknown, ...args: unknown[]): unknown {
          if (this === engine.target) calls.set(name, (calls.get(name) ?? 0) + 1);
          return Reflect.apply(original, this, args);
        },
      });
      undo.push(() => Object.defineProperty(prototype, name, descriptor));
    }
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

/** An object and what it inherits from, but for what every object and every function does. */
function lineOf(target: object): object[] {
  const line: object[] = [];
  for (let owner: object | null = target; owner !== null; owner = Reflect.getPrototypeOf(owner)) {
    if (owner !== Object.prototype && owner !== Function.prototype) line.push(owner);
  }
  return line;
}

function membersOf(target: object): Map<object, ReturnType<typeof ownOf>> {
  return new Map(lineOf(target).map((owner) => [owner, ownOf(owner)]));
}

function ownOf(target: object): Map<PropertyKey, PropertyDescriptor | undefined> {
  return new Map(Reflect.ownKeys(target).map((key) => [key, Object.getOwnPropertyDescriptor(target, key)]));
}
