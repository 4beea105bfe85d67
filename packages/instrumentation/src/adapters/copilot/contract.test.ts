import { fileURLToPath } from 'node:url';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { describeAdapter } from '@turnkeeper/check/contract';
import { startModelServer } from '@turnkeeper/model-server';
import { openCopilot } from '@turnkeeper/model-server/copilot';
import { copilot } from './index.ts';

describeAdapter(copilot, {
  recordings: fileURLToPath(new URL('recordings', import.meta.url)),
  provider: (processor) => new BasicTracerProvider({ spanProcessors: [processor] }),
  // The connection calls these, as often as the runtime has something to tell: no two turns are alike in that.
  mayCall: ['handleSessionEventNotification', 'handleSessionLifecycleNotification'],
  live: async () => {
    const server = await startModelServer();
    const running = await openCopilot({ url: server.url });
    return {
      target: running.client,
      turn: async () => {
        const session = await running.client.createSession(running.config);
        await session.sendAndWait('hello');
        await session.disconnect();
      },
      async [Symbol.asyncDispose]() {
        await running[Symbol.asyncDispose]();
        await server.close();
      },
    };
  },
});
