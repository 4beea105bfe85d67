import { createAgentSession, SessionManager } from '@earendil-works/pi-coding-agent';
import { withSession } from '@turnkeeper/instrumentation';

const { session } = await createAgentSession({ sessionManager: SessionManager.inMemory() });
for (const text of ['one', 'two']) await withSession('conv-42', () => session.prompt(text));
console.log(session.getLastAssistantText());
