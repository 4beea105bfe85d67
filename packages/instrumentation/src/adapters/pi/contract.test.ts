import { fileURLToPath } from 'node:url';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { describeAdapter } from '@turnkeeper/check/contract';
import { startModelServer } from '@turnkeeper/model-server';
import { openPi } from '@turnkeeper/model-server/pi';
import { pi } from './index.ts';

describeAdapter(pi, {
  recordings: fileURLToPath(new URL('recordings', import.meta.url)),
  provider: (processor) => new BasicTracerProvider({ spanProcessors: [processor] }),
  mayCall: ['subscribe'],
  live: async () => {
    const server = await startModelServer();
    const running = await openPi({ url: server.url });
    return {
      target: running.session,
      turn: () => running.session.prompt('hello'),
      async [Symbol.asyncDispose]() {
        await running[Symbol.asyncDispose]();
        await server.close();
      },
    };
  },
});
