import { observe, withSession } from '@turnkeeper/instrumentation';
import { pi } from '@turnkeeper/instrumentation/pi';
import { AlwaysOffSampler, type BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { lineOf, type Line, type Part } from './line.ts';
import { compare, type Contestant } from './measure.ts';
import { openPiConversation, type PiConversation } from './pi-conversation.ts';
import { tracedProvider, useContextManager } from './tracing.ts';

const CONVERSATIONS = 10;

function conversations(name: string, talk: () => Promise<void>, provider?: BasicTracerProvider): Contestant {
  return {
    name,
    async round() {
      for (let index = 0; index < CONVERSATIONS; index += 1) await talk();
    },
    rest: () => provider?.forceFlush(),
  };
}

function ours({ session, talk }: PiConversation, provider: BasicTracerProvider): Contestant {
  observe(pi, session, { tracerProvider: provider });
  return conversations('ours', () => withSession('conv-42', talk), provider);
}

export const piPart: Part = async ({ quick }) => {
  useContextManager();
  const options = { pieces: CONVERSATIONS, ...(quick ? { warmUp: 60, rounds: 60 } : { warmUp: 500, rounds: 400 }) };
  const unit = 'µs a conversation';
  const lines: Line[] = [];
  await using bare = await openPiConversation();
  await using unsampled = await openPiConversation();
  await using traced = await openPiConversation();
  const base = conversations('bare', bare.talk);
  lines.push(
    lineOf(
      { name: 'three turns of Pi, not sampled', limit: 1.05, unit },
      await compare([base, ours(unsampled, tracedProvider(new AlwaysOffSampler()))], options),
    ),
  );
  lines.push(
    lineOf(
      { name: 'three turns of Pi, traced', limit: 1.4, unit },
      await compare([base, ours(traced, tracedProvider())], options),
    ),
  );
  return lines;
};
