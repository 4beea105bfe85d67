/** A CommonJS program: our package by require(), Pi by import(), as it is for ES modules only. */
const { withSession } = require('@turnkeeper/instrumentation');

void (async () => {
  const { createAgentSession, SessionManager } = await import('@earendil-works/pi-coding-agent');
  const { session } = await createAgentSession({ sessionManager: SessionManager.inMemory() });
  for (const text of ['one', 'two']) await withSession('conv-42', () => session.prompt(text));
  console.log(session.getLastAssistantText());
})();
