import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Stream } from '@agentclientprotocol/sdk';
import { messageStream } from '@turnkeeper/model-server/acp-agent';

/** The scripted agent as a process of its own, and a stream of messages to it. */
export interface AgentProcess extends AsyncDisposable {
  readonly stream: Stream;
  readonly process: ChildProcess;
}

/** Starts the scripted agent: `spans` names the file that it writes its own spans to, if it shall make some. */
export function startAgent({ spans }: { readonly spans?: string } = {}): AgentProcess {
  const script =
    spans === undefined
      ? fileURLToPath(import.meta.resolve('@turnkeeper/model-server/acp-agent-main'))
      : fileURLToPath(new URL('instrumented-agent.ts', import.meta.url));
  const child = spawn(process.execPath, [script], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...(spans !== undefined && { AGENT_SPANS: spans }) },
  });
  const exited = once(child, 'exit');
  return {
    stream: messageStream(child.stdin, child.stdout),
    process: child,
    async [Symbol.asyncDispose]() {
      child.kill();
      await exited;
    },
  };
}
