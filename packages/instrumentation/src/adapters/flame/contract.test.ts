import { fileURLToPath } from 'node:url';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { describeAdapter } from '@turnkeeper/check/contract';
import { startFlameWorld } from '../../testing/flame.ts';
import { flame } from './index.ts';

describeAdapter(flame, {
  recordings: fileURLToPath(new URL('recordings', import.meta.url)),
  provider: (processor) => new BasicTracerProvider({ spanProcessors: [processor] }),
  // gRPC keeps the address nowhere else; it hands out what it has.
  mayCall: ['getChannel'],
  live: async () => {
    const world = await startFlameWorld({ isObserved: false });
    const session = `contract-${process.pid}-${Date.now()}`;
    return {
      target: world.client,
      turn: async () => {
        await world.open(session);
        await world.watch(await world.create(session, 'hello'));
      },
      [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
    };
  },
});
