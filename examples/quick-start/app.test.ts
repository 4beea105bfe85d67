import { NodeSDK } from '@opentelemetry/sdk-node';
import { createCapture } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { SessionSpanProcessor, traceService, withSession } from '@turnkeeper/instrumentation';
import { expect, test } from 'vitest';

const capture = createCapture(); // in the exporter's place
new NodeSDK({ spanProcessors: [new SessionSpanProcessor(capture.spanProcessor)] }).start();
const greet = traceService(async (name: string) => `hello ${name}`, { name: 'greeter' }); // an engine: observe(pi, session)

test('both turns are on the id of the platform', async () => {
  for (const name of ['you', 'you again']) await withSession('conv-42', () => greet(name));
  expect(capture).toHaveSession('conv-42', { turns: 2 });
  expect(capture).toStampEverySpan();
  expect(capture).toPassChecks();
});
