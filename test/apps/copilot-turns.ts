/** Two turns with the real Copilot on one platform id, with the SDK's ES module, or its CommonJS copy. */
import { createRequire } from 'node:module';
import { withSession } from '@turnkeeper/instrumentation';
import { startModelServer } from '@turnkeeper/model-server';
import { openCopilot, type CopilotOptions } from '@turnkeeper/model-server/copilot';

const [conversation = '', kind] = process.argv.slice(2);
const copy: { CopilotClient: NonNullable<CopilotOptions['Client']> } =
  kind === 'require' ? createRequire(import.meta.url)('@github/copilot-sdk') : await import('@github/copilot-sdk');
await using server = await startModelServer({ script: 'echo: hello' });
await using copilot = await openCopilot({ url: server.url, Client: copy.CopilotClient });
const session = await copilot.client.createSession(copilot.config);
await withSession(conversation, () => session.sendAndWait('hello'));
const answer = await withSession(conversation, () => session.sendAndWait('again'));
console.log(answer?.data.content);
