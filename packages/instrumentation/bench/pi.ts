import { observe, withSession } from '@turnkeeper/instrumentation';
import { pi } from '@turnkeeper/instrumentation/pi';
import { AlwaysOffSampler, type BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { compareApart, type Contestants } from './apart.ts';
import { lineOf, type Part } from './line.ts';
import type { Contestant } from './measure.ts';
import { LEAST, traceTurns } from './minimal-turns.ts';
import { openPiConversation, type PiConversation } from './pi-conversation.ts';
import { CONVERSATIONS, tracedProvider } from './tracing.ts';

function conversations(name: string, conversation: PiConversation, provider?: BasicTracerProvider): Contestant {
  return {
    name,
    async round() {
      for (let index = 0; index < CONVERSATIONS; index += 1) await conversation.talk();
    },
    rest: () => provider?.forceFlush(),
    end: () => conversation[Symbol.asyncDispose](),
  };
}

async function ours(provider: BasicTracerProvider): Promise<Contestant> {
  const conversation = await openPiConversation();
  const { session, talk } = conversation;
  observe(pi, session, { tracerProvider: provider });
  return conversations('ours', { ...conversation, talk: () => withSession('conv-42', talk) }, provider);
}

async function leastUnsampled(): Promise<Contestant> {
  const conversation = await openPiConversation();
  const provider = tracedProvider(new AlwaysOffSampler());
  traceTurns(conversation.session, 'prompt', provider.getTracer('bench'));
  return conversations('least', conversation, provider);
}

export const contestants: Contestants = {
  bare: async () => conversations('bare', await openPiConversation()),
  unsampled: () => ours(tracedProvider(new AlwaysOffSampler())),
  'least, unsampled': leastUnsampled,
  traced: () => ours(tracedProvider()),
};

export const piPart: Part = async ({ quick }) => {
  const unit = 'µs a conversation';
  const costOf = compareApart('pi', Object.keys(contestants), { quick });
  return [
    lineOf({ name: 'three turns of Pi, not sampled', limit: 1.05, unit }, [
      costOf('bare'),
      costOf('unsampled'),
      { name: LEAST, value: costOf('least, unsampled').value },
    ]),
    lineOf({ name: 'three turns of Pi, traced', limit: 1.4, unit }, [costOf('bare'), costOf('traced')]),
  ];
};
