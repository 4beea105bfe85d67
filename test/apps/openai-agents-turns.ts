/** Turns of one real OpenAI Agents conversation, for tests that run it as a program. Arguments: the platform's id, then prompts. */
import { Agent, MemorySession, run, setDefaultModelProvider, setTracingDisabled, tool } from '@openai/agents';
import { withSession } from '@turnkeeper/instrumentation';
import { byMarker, startModelServer } from '@turnkeeper/model-server';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { z } from 'zod';

const [conversation = '', ...prompts] = process.argv.slice(2);
await using server = await startModelServer({
  script: byMarker(
    { '#lookup': { toolCalls: [{ name: 'lookup' }] } },
    (request) => request.toolResults[0]?.text ?? 'hello',
  ),
});
setTracingDisabled(true);
setDefaultModelProvider(openOpenAIAgents({ url: server.url }).provider);
const lookup = tool({
  name: 'lookup',
  description: 'Looks something up',
  parameters: z.object({}),
  execute: async () => 'found',
});
const agent = new Agent({ name: 'Guide', model: 'test-model', tools: [lookup] });
const session = new MemorySession({ sessionId: 'memory-1' });
let answer: unknown;
for (const prompt of prompts) {
  answer = (await withSession(conversation, () => run(agent, prompt, { session }))).finalOutput;
}
console.log(answer);
