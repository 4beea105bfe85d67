import { createRequire } from 'node:module';
import { join } from 'node:path';
import { trace, type TracerProvider } from '@opentelemetry/api';
import type { Instrumentation } from '@opentelemetry/instrumentation';
import { TurnkeeperInstrumentation } from './instrumentation.ts';
import { Ledger } from './ledger.ts';
import { HOOK } from './module-files.ts';
import { warn, wordsOf } from './requirements.ts';
import { createSdk, type Sdk } from './sdk/create-sdk.ts';
import { readVariables } from './sdk/variables.ts';

/** A mark on the global object: `register` is at work. For other copies of this package, and its other door. */
const STARTED = Symbol.for('turnkeeper.register');

/** Starts the SDK, as the environment has it. @throws where what it needs is not installed. */
export function start(): void {
  // NODE_OPTIONS may require it, and the command line import it: two would each leave the end of the program to the other.
  if (Reflect.has(globalThis, STARTED)) return;
  Reflect.set(globalThis, STARTED, true);
  // The hook comes after the SDK.
  Reflect.set(globalThis, HOOK, true);
  const options = readVariables(process.env, warn);
  const instrumentation = (): Instrumentation => new TurnkeeperInstrumentation(options.config);
  const sdk = createSdk({ instrumentation, ...options }, requireSdk(), warn);
  if (isRegistered(trace.getTracerProvider())) {
    warn(
      'another OpenTelemetry SDK was started before, and its spans are its own: those that are not ours get no session. Load @turnkeeper/instrumentation/register before it, or put a SessionSpanProcessor and a TurnkeeperInstrumentation into it, and load @turnkeeper/instrumentation/hook',
    );
  }
  sdk.start();
  const { engines: _engines, stampOnly: _stampOnly, ...defaults } = options.config;
  Ledger.of(trace.getTracerProvider()).defaults = defaults;
  shutDownAtTheEnd(sdk);
}

/** The API's own provider stands in for that of an SDK, and has no tracers as long as there is none. */
function isRegistered(provider: TracerProvider): boolean {
  const getDelegateTracer: unknown = Reflect.get(provider, 'getDelegateTracer');
  return typeof getDelegateTracer !== 'function' || getDelegateTracer.call(provider, 'turnkeeper') !== undefined;
}

/** Beside this package, else where the program runs. */
function requireSdk(): NodeJS.Require {
  for (const from of [import.meta.url, join(process.cwd(), 'app.js')]) {
    try {
      return createRequire(createRequire(from).resolve('@opentelemetry/sdk-node'));
    } catch {
      // Not there: look at the next place.
    }
  }
  throw new Error(
    'the package @opentelemetry/sdk-node is not installed. Install it: npm install @opentelemetry/sdk-node',
  );
}

/** Export, with a warning where that fails. */
function exporting(work: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await work();
    } catch (error) {
      warn(`the last spans were not exported: ${wordsOf(error)}`);
    }
  };
}

/**
 * What is still in a batch leaves with the process: when it has nothing left to do, or by a signal that nobody else
 * handles, which still ends it.
 *
 * A signal that others handle is theirs: it may stop one turn, or begin an end in which turns are finished. What is
 * there is exported, and we listen no more, for there are some that end the process only where nobody else listens.
 */
function shutDownAtTheEnd(sdk: Sdk): void {
  const shutDown = exporting(() => sdk.shutdown());
  const flush = exporting(() => sdk.flush());
  const flushAll = exporting(() => sdk.flush({ metrics: true }));
  onLastExit(() => sdk.started(), flush, shutDown);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const end = async (): Promise<void> => {
      await shutDown();
      process.kill(process.pid, signal);
    };
    // Asked at once: a host's listener that listens once is gone by the time that all is exported, and still at work.
    process.once(signal, () => void (process.listenerCount(signal) > 0 ? flushAll() : end()));
  }
}

/**
 * Node says beforeExit again after work that was begun in it: the last one is that before which nothing happened, or
 * in which nobody else listens any more.
 */
function onLastExit(started: () => number, flush: () => Promise<void>, end: () => Promise<void>): void {
  let seen: number | undefined;
  const look = (): void => {
    if (seen === started() || process.listenerCount('beforeExit') === 1) {
      process.off('beforeExit', look);
      void end();
      return;
    }
    seen = started();
    void flush();
    // There is another one even where nothing was left to export.
    setImmediate(() => {});
  };
  process.on('beforeExit', look);
}
