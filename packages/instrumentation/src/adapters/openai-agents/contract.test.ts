import { fileURLToPath } from 'node:url';
import { Agent, Runner } from '@openai/agents';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { describeAdapter } from '@turnkeeper/check/contract';
import { startModelServer } from '@turnkeeper/model-server';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { openaiAgents } from './index.ts';

describeAdapter(openaiAgents, {
  recordings: fileURLToPath(new URL('recordings', import.meta.url)),
  provider: (processor) => new BasicTracerProvider({ spanProcessors: [processor] }),
  live: async () => {
    const server = await startModelServer();
    const { runner } = openOpenAIAgents({ url: server.url });
    return {
      target: Runner,
      turn: () => runner.run(new Agent({ name: 'Assistant' }), 'hello'),
      [Symbol.asyncDispose]: () => server.close(),
    };
  },
});
