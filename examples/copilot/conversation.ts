/**
 * Three turns with the real Copilot runtime, on the platform's id while Copilot has an id of its own. Nothing in here
 * knows of Turnkeeper but `withSession`: telemetry.ts is loaded before it.
 */
import { withSession } from '@turnkeeper/instrumentation';
import { startModelServer } from '@turnkeeper/model-server';
import { openCopilot } from '@turnkeeper/model-server/copilot';

const weather = {
  name: 'weather',
  description: 'Tells the weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  skipPermission: true,
  handler: () => 'Rain, 8 °C',
};

await using server = await startModelServer({
  script: ({ messages, toolResults }) => {
    if (toolResults.length > 0) return `It says: ${toolResults.at(-1)?.text}`;
    const last = messages.at(-1);
    return last?.role === 'user' && last.text.includes('weather')
      ? { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] }
      : 'I hear you.';
  },
});
await using copilot = await openCopilot({ url: server.url, tools: [weather] });
const session = await copilot.client.createSession({ ...copilot.config, sessionId: 'copilot-has-its-own-id' });

for (const text of ['Hello', 'How is the weather in Oslo?', 'Thank you']) {
  const answer = await withSession('conv-42', () => session.sendAndWait(text));
  console.log(`conv-42  ${text} → ${answer?.data.content}`);
}
await session.disconnect();
