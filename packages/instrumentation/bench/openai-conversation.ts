import {
  Agent,
  MemorySession,
  tool,
  Usage,
  type Model,
  type ModelRequest,
  type ModelResponse,
  type Runner,
} from '@openai/agents';
import { z } from 'zod';

const usage = new Usage({ inputTokens: 120, outputTokens: 30, totalTokens: 150, requests: 1 });

/** Answers at once, without a network: to a question about the weather it asks for the tool. */
class InstantModel implements Model {
  async getResponse({ input }: ModelRequest): Promise<ModelResponse> {
    const last = typeof input === 'string' ? undefined : input.at(-1);
    if (last !== undefined && 'role' in last && JSON.stringify(last).includes('weather')) {
      const call = { type: 'function_call', callId: 'call-1', name: 'weather', status: 'completed' } as const;
      return { usage, output: [{ ...call, arguments: '{"city":"Oslo"}' }], responseId: 'response-1' };
    }
    const text = { type: 'output_text', text: 'Rain, eight degrees.' } as const;
    const message = { type: 'message', role: 'assistant', status: 'completed' } as const;
    return { usage, output: [{ ...message, content: [text] }], responseId: 'response-2' };
  }

  getStreamedResponse(): AsyncIterable<never> {
    throw new Error('this conversation does not stream');
  }
}

/** Three turns with a history; in the second, a tool is used. Each contestant has objects of its own. */
export function openConversation(RunnerClass: typeof Runner, tracingDisabled = true): () => Promise<void> {
  const weather = tool({
    name: 'weather',
    description: 'The weather of a city',
    parameters: z.object({ city: z.string() }),
    execute: async ({ city }) => `${city}: rain`,
  });
  const agent = new Agent({ name: 'Guide', instructions: 'Be brief.', tools: [weather] });
  const model = new InstantModel();
  const runner = new RunnerClass({ modelProvider: { getModel: () => model }, model: 'test-model', tracingDisabled });
  return async () => {
    const session = new MemorySession();
    for (const text of ['Hello', 'How is the weather in Oslo?', 'Thank you'])
      await runner.run(agent, text, { session });
  };
}
