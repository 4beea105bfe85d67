import { appendFileSync } from 'node:fs';
import { serveScriptedAgent, type Around } from './acp-agent.ts';

/** The file, if any, that the agent tells of its life in: its process id and what it begins, a line each. */
const log = process.env['AGENT_LOG'];

const tell = (what: string): void => {
  if (log !== undefined) appendFileSync(log, `${process.pid} ${what}\n`);
};
const around: Around = ({ kind }, work) => {
  tell(kind);
  return work();
};

tell('start');
serveScriptedAgent({ around });
