/** Turns of one real Pi session, for tests that run it as a program. Arguments: the platform's id, then prompts. */
import { withSession } from '@turnkeeper/instrumentation';
import { byMarker, startModelServer } from '@turnkeeper/model-server';
import { openPi } from '@turnkeeper/model-server/pi';

const [conversation = '', ...prompts] = process.argv.slice(2);
await using server = await startModelServer({
  script: byMarker(
    { '#bash': { toolCalls: [{ name: 'lookup' }] } },
    (request) => request.toolResults[0]?.text ?? 'hello',
  ),
});
const lookup = {
  name: 'lookup',
  label: 'Look-up',
  description: 'Looks something up',
  parameters: { type: 'object', properties: {} },
  execute: async () => ({ content: [{ type: 'text' as const, text: 'found' }], details: undefined }),
};
await using pi = await openPi({ url: server.url, id: 'pi-own', tools: [lookup] });
for (const prompt of prompts) await withSession(conversation, () => pi.session.prompt(prompt));
console.log(pi.session.getLastAssistantText());
