import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { describeAdapter } from '@turnkeeper/check/contract';
import { openRivet } from '@turnkeeper/model-server/rivet';
import { rivet } from './index.ts';

describeAdapter(rivet, {
  recordings: fileURLToPath(new URL('recordings', import.meta.url)),
  provider: (processor) => new BasicTracerProvider({ spanProcessors: [processor] }),
  live: async () => {
    const daemon = await openRivet();
    const client = await daemon.connect();
    const session = await client.createSession({ id: 'local-1', agent: 'cursor', cwd: daemon.cwd });
    return {
      target: client,
      async turn() {
        await session.prompt([{ type: 'text', text: 'hello' }]);
        // Until the client is done with what comes after the answer.
        await wait(100);
      },
      [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
    };
  },
});
