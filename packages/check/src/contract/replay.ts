import { observe } from '@turnkeeper/instrumentation';
import type { Adapter, Tap } from '@turnkeeper/instrumentation/adapter';
import { createCapture, type CaptureSpanProcessor } from '../capture.ts';
import type { AnyAdapter } from './laws.ts';
import type { LiveOptions } from './live.ts';
import type { RecordedSignal } from './recording.ts';

/**
 * Plays signals to the adapter through the core, ends the observation, and says what went wrong: what `translate` threw,
 * and spans that were not ended.
 */
export function broken(
  adapter: AnyAdapter,
  signals: readonly RecordedSignal[],
  provider: LiveOptions<object>['provider'],
): string[] {
  const problems: string[] = [];
  const capture = createCapture();
  let started = 0;
  const processor: CaptureSpanProcessor = {
    ...capture.spanProcessor,
    onStart: (span, context) => {
      started += 1;
      capture.spanProcessor.onStart(span, context);
    },
  };
  let tap: Tap<unknown> | undefined;
  const played: Adapter<object, unknown, unknown> = {
    name: 'contract',
    start: (target) => adapter.start(target),
    *translate(native, state) {
      try {
        yield* adapter.translate(native, state);
      } catch (error) {
        problems.push(`translate threw on ${JSON.stringify(native)}: ${String(error)}`);
      }
    },
    attach: (_target, given) => {
      tap = given;
      return () => {};
    },
  };
  const observation = observe(played, {}, { tracerProvider: provider(processor) });
  for (const { native } of signals) tap?.deliver(native);
  observation.stop();
  const open = started - capture.spans.length;
  if (open > 0) problems.push(`${open} spans were not ended`);
  return problems;
}
