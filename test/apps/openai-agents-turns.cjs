/** The same in CommonJS, which is another copy of the engine; with a model of the application's own. */
const { Agent, MemorySession, run } = require('@openai/agents');
const { assistantMessage, ScriptedModel } = require('@openai/agents/testing');
const { withSession } = require('@turnkeeper/instrumentation');

const [conversation = '', ...prompts] = process.argv.slice(2);
const model = new ScriptedModel(prompts.map((prompt) => [assistantMessage(`echo: ${prompt}`)]));
const agent = new Agent({ name: 'Guide', model });
const session = new MemorySession({ sessionId: 'memory-1' });

async function play() {
  let answer;
  for (const prompt of prompts) {
    answer = (await withSession(conversation, () => run(agent, prompt, { session }))).finalOutput;
  }
  console.log(answer);
}
void play();
