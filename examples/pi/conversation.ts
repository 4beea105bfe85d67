/**
 * Two conversations with the real Pi, interleaved, each on its platform's id while Pi has ids of its own. Nothing in
 * here knows of Turnkeeper but `withSession`: telemetry.ts is loaded before it.
 */
import { defineTool } from '@earendil-works/pi-coding-agent';
import { withSession } from '@turnkeeper/instrumentation';
import { byMarker, startModelServer } from '@turnkeeper/model-server';
import { openPi } from '@turnkeeper/model-server/pi';

const weather = defineTool({
  name: 'weather',
  label: 'Weather',
  description: 'Tells the weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  execute: async () => ({ content: [{ type: 'text', text: 'Rain, 8 °C' }], details: undefined }),
});

await using server = await startModelServer({
  script: byMarker({ weather: { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] } }, (request) =>
    request.toolResults.length > 0
      ? `It says: ${request.toolResults.at(-1)?.text}`
      : `You said: ${request.lastUserText}`,
  ),
});
await using first = await openPi({ url: server.url, id: 'pi-has-its-own-id', tools: [weather] });
await using second = await openPi({ url: server.url, id: 'pi-has-another', tools: [weather] });

const turns = [
  { conversation: 'conv-42', pi: first, text: 'Hello' },
  { conversation: 'conv-7', pi: second, text: 'Good evening' },
  { conversation: 'conv-42', pi: first, text: 'How is the weather in Oslo?' },
  { conversation: 'conv-7', pi: second, text: 'And the weather here?' },
  { conversation: 'conv-42', pi: first, text: 'Thank you' },
];
for (const { conversation, pi, text } of turns) {
  await withSession(conversation, () => pi.session.prompt(text));
  console.log(`${conversation.padEnd(8)} ${text} → ${pi.session.getLastAssistantText()}`);
}
