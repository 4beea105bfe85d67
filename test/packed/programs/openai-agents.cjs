/** CommonJS throughout: the engine by require() too. */
const { Agent, run } = require('@openai/agents');
const { withSession } = require('@turnkeeper/instrumentation');

const agent = new Agent({ name: 'Guide', model: 'test-model' });
void (async () => {
  for (const text of ['one', 'two']) {
    const { finalOutput } = await withSession('conv-42', () => run(agent, text));
    console.log(finalOutput);
  }
})();
