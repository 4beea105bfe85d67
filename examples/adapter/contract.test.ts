import { join } from 'node:path';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { describeAdapter } from '@turnkeeper/check/contract';
import { chat } from './adapter.ts';
import { Chat } from './engine.ts';

describeAdapter(chat, {
  recordings: join(import.meta.dirname, 'recordings'),
  provider: (processor) => new TracerProvider({ spanProcessors: [processor] }),
  mayCall: ['on'],
  live: async () => {
    const target = new Chat('chat-1');
    return { target, turn: () => target.ask('Is there rain?'), [Symbol.asyncDispose]: async () => {} };
  },
});
