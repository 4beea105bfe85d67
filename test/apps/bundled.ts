/** Everything in one file, the engine and the SDK too: observed by hand. Prints its spans as a tree, and the run's data. */
import { Agent, Runner, setTracingDisabled } from '@openai/agents';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { createCapture } from '@turnkeeper/check';
import { observe, SessionSpanProcessor, TurnkeeperInstrumentation, withSession } from '@turnkeeper/instrumentation';
import { openaiAgents } from '@turnkeeper/instrumentation/openai-agents';
import { startModelServer } from '@turnkeeper/model-server';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';

const capture = createCapture();
trace.setGlobalTracerProvider(
  new BasicTracerProvider({ spanProcessors: [new SessionSpanProcessor(capture.spanProcessor)] }),
);
context.setGlobalContextManager(new AsyncLocalStorageContextManager());

async function main(): Promise<void> {
  // In a bundle it sees no module load: it is of no use there, and of no harm.
  const instrumentation = new TurnkeeperInstrumentation();
  const server = await startModelServer({ script: () => 'hello' });
  setTracingDisabled(true);
  const { runner } = openOpenAIAgents({ url: server.url });
  const observation = observe(openaiAgents, Runner);
  const agent = new Agent({ name: 'Guide', model: 'test-model' });
  for (const text of ['one', 'two']) await withSession('conv-42', () => runner.run(agent, text));
  console.log(capture.tree());
  console.log(
    observation
      .runs()
      .map(({ session, turn }) => `${session.id} ${turn}`)
      .join(', '),
  );
  observation.stop();
  instrumentation.disable();
  await server.close();
}
void main();
