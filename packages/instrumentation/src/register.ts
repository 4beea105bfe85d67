/**
 * `node --import @turnkeeper/instrumentation/register app.js`: everything without a line of code. Installs the module
 * hook, and starts a NodeSDK by the OTEL_* variables, with the session on every span; TURNKEEPER_* set our options.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Instrumentation } from '@opentelemetry/instrumentation';
import { missingRequirement, warn } from './requirements.ts';
import type { Sdk } from './sdk/create-sdk.ts';

if (missingRequirement() === undefined) {
  try {
    await start();
  } catch (error) {
    warn(`nothing is exported: ${error instanceof Error ? error.message : String(error)}`);
  }
}
// After the SDK: the hook would look at every one of its files. It says what is missing.
await import('./hook.ts');

/** Loads late what needs packages that may be missing. */
async function start(): Promise<void> {
  const [{ TurnkeeperInstrumentation }, { createSdk }, { readVariables }] = await Promise.all([
    import('./instrumentation.ts'),
    import('./sdk/create-sdk.ts'),
    import('./sdk/variables.ts'),
  ]);
  const options = readVariables(process.env, warn);
  const instrumentation = (): Instrumentation => new TurnkeeperInstrumentation(options.config);
  const sdk = createSdk({ instrumentation, ...options }, requireSdk(), warn);
  sdk.start();
  shutDownAtTheEnd(sdk);
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

/** Where a host has several addresses, and none answers, the error has no message but those of its attempts. */
function wordsOf(error: unknown): string {
  const [first = error] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first.message : String(first);
}

/** What is still in a batch leaves with the process. A signal that nobody else handles still ends it. */
function shutDownAtTheEnd(sdk: Sdk): void {
  const shutDown = async (): Promise<void> => {
    try {
      await sdk.shutdown();
    } catch (error) {
      warn(`the last spans were not exported: ${wordsOf(error)}`);
    }
  };
  process.once('beforeExit', () => void shutDown());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const end = async (isHandled: boolean): Promise<void> => {
      await shutDown();
      if (!isHandled) process.kill(process.pid, signal);
    };
    // Asked at once: a host's listener that listens once is gone by the time that all is exported, and still at work.
    process.once(signal, () => void end(process.listenerCount(signal) > 0));
  }
}
