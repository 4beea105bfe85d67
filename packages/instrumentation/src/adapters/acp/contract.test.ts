import { fileURLToPath } from 'node:url';
import { client } from '@agentclientprotocol/sdk';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { describeAdapter } from '@turnkeeper/check/contract';
import { scriptedAgent } from '@turnkeeper/model-server/acp-agent';
import { acp } from './index.ts';

describeAdapter(acp, {
  recordings: fileURLToPath(new URL('recordings', import.meta.url)),
  provider: (processor) => new BasicTracerProvider({ spanProcessors: [processor] }),
  mayCall: ['onConnect'],
  live: async () => {
    const app = client();
    return {
      target: app,
      turn: () =>
        app.connectWith(scriptedAgent(), async (agent) => {
          await agent.request('initialize', { protocolVersion: 1 });
          const { sessionId } = await agent.request('session/new', { cwd: '/', mcpServers: [] });
          await agent.request('session/prompt', { sessionId, prompt: [{ type: 'text', text: 'hello' }] });
        }),
      async [Symbol.asyncDispose]() {},
    };
  },
});
