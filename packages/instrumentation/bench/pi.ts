import { observe, withSession } from '@turnkeeper/instrumentation';
import { pi } from '@turnkeeper/instrumentation/pi';
import { AlwaysOffSampler, type BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { compareApart, type Contestants } from './apart.ts';
import { lineOf, type Part } from './line.ts';
import type { Contestant } from './measure.ts';
import { openPiConversation } from './pi-conversation.ts';
import { CONVERSATIONS, tracedProvider } from './tracing.ts';

async function conversations(provider?: BasicTracerProvider): Promise<Contestant> {
  const conversation = await openPiConversation();
  const { session, talk } = conversation;
  if (provider) observe(pi, session, { tracerProvider: provider });
  const inSession = provider ? () => withSession('conv-42', talk) : talk;
  return {
    name: provider ? 'ours' : 'bare',
    async round() {
      for (let index = 0; index < CONVERSATIONS; index += 1) await inSession();
    },
    rest: () => provider?.forceFlush(),
    end: () => conversation[Symbol.asyncDispose](),
  };
}

export const contestants: Contestants = {
  bare: () => conversations(),
  unsampled: () => conversations(tracedProvider(new AlwaysOffSampler())),
  traced: () => conversations(tracedProvider()),
};

export const piPart: Part = async ({ quick }) => {
  const unit = 'µs a conversation';
  const costOf = compareApart('pi', Object.keys(contestants), { quick });
  return [
    lineOf({ name: 'three turns of Pi, not sampled', limit: 1.05, unit }, [costOf('bare'), costOf('unsampled')]),
    lineOf({ name: 'three turns of Pi, traced', limit: 1.4, unit }, [costOf('bare'), costOf('traced')]),
  ];
};
