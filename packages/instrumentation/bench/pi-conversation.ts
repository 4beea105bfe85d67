import { createFauxCore, fauxAssistantMessage, fauxToolCall } from '@earendil-works/pi-ai/providers/faux';
import { defineTool, type AgentSession } from '@earendil-works/pi-coding-agent';
import { openPi } from '@turnkeeper/model-server/pi';

const weather = defineTool({
  name: 'weather',
  label: 'Weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  execute: async () => ({ content: [{ type: 'text', text: 'rain' }], details: undefined }),
});

/** A conversation of three turns; in the second, a tool is used. */
export interface PiConversation extends AsyncDisposable {
  readonly session: AgentSession;
  readonly talk: () => Promise<void>;
}

/** A real Pi session with the models that Pi brings for tests: they answer at once, without a network. */
export async function openPiConversation(): Promise<PiConversation> {
  const opened = await openPi({ url: 'http://127.0.0.1:9', tools: [weather], maxRetries: 0 });
  const { session } = opened;
  const faux = createFauxCore({ tokenSize: { min: 64, max: 64 } });
  session.agent.streamFunction = (_model, context, options) => faux.streamSimple(faux.getModel(), context, options);
  return {
    session,
    async talk() {
      session.sessionManager.newSession();
      session.agent.state.messages = [];
      faux.setResponses([
        fauxAssistantMessage('Hello.'),
        fauxAssistantMessage([fauxToolCall('weather', { city: 'Oslo' }, { id: 'call-1' })], { stopReason: 'toolUse' }),
        fauxAssistantMessage('Rain, eight degrees.'),
        fauxAssistantMessage('You are welcome.'),
      ]);
      for (const text of ['Hello', 'How is the weather in Oslo?', 'Thank you']) await session.prompt(text);
      if (faux.getPendingResponseCount() > 0) throw new Error('Pi has not asked for every answer');
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
