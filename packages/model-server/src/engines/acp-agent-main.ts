import { serveScriptedAgent } from './acp-agent.ts';

serveScriptedAgent();
