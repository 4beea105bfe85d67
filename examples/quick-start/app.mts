import { createAgentSession, SessionManager } from '@earendil-works/pi-coding-agent';
import { withSession } from '@turnkeeper/instrumentation';

const { session } = await createAgentSession({ sessionManager: SessionManager.inMemory() });
for (const text of ['What is in this folder?', 'And which file is the largest?']) {
  await withSession('conv-42', () => session.prompt(text));
}
