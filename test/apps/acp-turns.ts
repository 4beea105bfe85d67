/** Turns of one client of the Agent Client Protocol, for tests that run it as a program: the platform's id, then prompts. */
import { client } from '@agentclientprotocol/sdk';
import { withSession } from '@turnkeeper/instrumentation';
import { scriptedAgent } from '@turnkeeper/model-server/acp-agent';

const [conversation = '', ...prompts] = process.argv.slice(2);
await client().connectWith(scriptedAgent(), async (agent) => {
  await agent.request('initialize', { protocolVersion: 1 });
  const { sessionId } = await agent.request('session/new', { cwd: '/', mcpServers: [] });
  for (const text of prompts) {
    const prompt = [{ type: 'text' as const, text }];
    console.log(await withSession(conversation, () => agent.request('session/prompt', { sessionId, prompt })));
  }
});
