/**
 * Three turns with an agent of the Agent Client Protocol, a process of its own that speaks over stdio: a scripted one,
 * in place of Claude Code, Gemini or any other. The platform calls the conversation conv-42, the agent otherwise.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { client } from '@agentclientprotocol/sdk';
import { withSession } from '@turnkeeper/instrumentation';
import { messageStream } from '@turnkeeper/model-server/acp-agent';

const script = fileURLToPath(import.meta.resolve('@turnkeeper/model-server/acp-agent-main'));
const agentProcess = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'ignore'] });
const app = client().onRequest('session/request_permission', () => ({
  outcome: { outcome: 'selected', optionId: 'yes' },
}));

const { agent } = app.connect(messageStream(agentProcess.stdin, agentProcess.stdout));
await agent.request('initialize', { protocolVersion: 1 });
const { sessionId } = await agent.request('session/new', { cwd: process.cwd(), mcpServers: [] });
for (const text of ['hello', 'look around #tool', 'and once more, if you may #tool #permission']) {
  const prompt = { sessionId, prompt: [{ type: 'text' as const, text }] };
  const answer = await withSession('conv-42', () => agent.request('session/prompt', prompt));
  console.log(`conv-42, the agent's ${sessionId}: ${text} → ${JSON.stringify(answer)}`);
}
agentProcess.kill();
