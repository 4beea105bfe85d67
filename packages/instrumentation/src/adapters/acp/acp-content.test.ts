import { client } from '@agentclientprotocol/sdk';
import { scriptedAgent } from '@turnkeeper/model-server/acp-agent';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import { say } from '../../testing/rivet.ts';
import { startTracing, type Tracing } from '../../testing/tracing.ts';
import { acp } from './index.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

const content = (name: string) => {
  const attributes = tracing.capture.spans.find((span) => span.name.startsWith(name))?.attributes ?? {};
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => /\.(messages|arguments|result)$/.test(key)));
};

test('content is recorded where that is asked for: what is said, and what tools get and give', async () => {
  const app = client();
  observe(acp, app, { content: 'all' });
  const { agent } = app.connect(scriptedAgent());
  await agent.request('initialize', { protocolVersion: 1 });
  const { sessionId } = await agent.request('session/new', { cwd: '/', mcpServers: [] });
  await agent.request('session/prompt', { sessionId, prompt: say('#tool') });
  expect(content('invoke_agent')).toEqual({
    'gen_ai.input.messages': '[{"type":"text","text":"#tool"}]',
    'gen_ai.output.messages': 'echo: #tool',
  });
  expect(content('execute_tool')).toEqual({
    'gen_ai.tool.call.arguments': '{"command":"ls /home/somebody"}',
    'gen_ai.tool.call.result': '{"files":["a","b"]}',
  });
});
