import { type Capture, captureRecords } from '../capture.ts';
import type { CapturedLog, CapturedMetric } from '../signals.ts';
import type { CapturedSpan } from '../span.ts';
import { type Input, nameOf } from './bytes.ts';
import { InputError } from './input-error.ts';
import { readTraces } from './read-traces.ts';

/**
 * Everything that some files hold, as one capture: a conversation may be spread over them in any order.
 * `onProgress` hears now and then how many spans were read.
 *
 * @throws InputError when a file cannot be read, and when there is not a single span in all of them.
 */
export async function captureFiles(
  files: readonly Input[],
  onProgress: (spans: number) => void = () => {},
): Promise<Capture> {
  const spans: CapturedSpan[] = [];
  const logs: CapturedLog[] = [];
  const metrics: CapturedMetric[] = [];
  for await (const batch of readTraces(files)) {
    for (const span of batch.spans) spans.push(span);
    for (const log of batch.logs) logs.push(log);
    for (const metric of batch.metrics) metrics.push(metric);
    onProgress(spans.length);
  }
  if (spans.length > 0) return captureRecords({ spans, logs, metrics });
  throw new InputError(
    files.map(nameOf).join(', '),
    undefined,
    'there is not a single span in here, so nothing was checked. Does the exporter write traces to this file?',
  );
}
