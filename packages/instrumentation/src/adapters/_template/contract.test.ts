import { fileURLToPath } from 'node:url';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { describeAdapter } from '@turnkeeper/check/contract';
import { template } from './index.ts';

describeAdapter(template, {
  recordings: fileURLToPath(new URL('recordings', import.meta.url)),
  provider: (processor) => new BasicTracerProvider({ spanProcessors: [processor] }),
  mayCall: ['on'],
  live: () =>
    Promise.reject(
      new Error('Open the real engine here, offline: return { target, turn, [Symbol.asyncDispose] }. See adapters/pi.'),
    ),
});
