/**
 * A conversation of three turns with OpenAI Agents, on its platform's id. The second turn is handed over to another
 * agent, which uses a tool. Nothing in here knows of Turnkeeper but `withSession`: telemetry.ts is loaded before it.
 */
import { Agent, MemorySession, tool } from '@openai/agents';
import { withSession } from '@turnkeeper/instrumentation';
import { startModelServer } from '@turnkeeper/model-server';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { z } from 'zod';

await using server = await startModelServer({
  script: [
    'Hello! What can I do for you?',
    { toolCalls: [{ name: 'transfer_to_Weather' }] },
    { toolCalls: [{ name: 'forecast', arguments: { city: 'Oslo' } }] },
    'Rain in Oslo, 8 °C.',
    'You are welcome.',
  ],
});
const { runner } = openOpenAIAgents({ url: server.url });

const forecast = tool({
  name: 'forecast',
  description: 'Tells the weather of a city',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `${city}: rain, 8 °C`,
});
const weather = new Agent({ name: 'Weather', tools: [forecast] });
const guide = new Agent({ name: 'Guide', handoffs: [weather] });
const history = new MemorySession();

for (const text of ['Hello', 'How is the weather in Oslo?', 'Thank you']) {
  const result = await withSession('conv-42', () => runner.run(guide, text, { session: history }));
  console.log(`${result.lastAgent?.name.padEnd(8)} ${text} → ${result.finalOutput}`);
}
