import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Stream } from '@agentclientprotocol/sdk';
import { messageStream } from '@turnkeeper/model-server/acp-agent';

/** The scripted agent as a process of its own, and a stream of messages to it. */
export interface AgentProcess extends AsyncDisposable {
  readonly stream: Stream;
  readonly process: ChildProcess;
}

export interface AgentOptions {
  /** The file that the agent writes its own spans to, if it shall make some. */
  readonly spans?: string;
  /** Where it tells of its life. */
  readonly log?: AgentLog;
}

/** Starts the scripted agent. */
export function startAgent({ spans, log }: AgentOptions = {}): AgentProcess {
  const script =
    spans === undefined
      ? fileURLToPath(import.meta.resolve('@turnkeeper/model-server/acp-agent-main'))
      : fileURLToPath(new URL('instrumented-agent.ts', import.meta.url));
  const child = spawn(process.execPath, [script], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...(spans !== undefined && { AGENT_SPANS: spans }), ...log?.env },
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

/** What scripted agents tell of their lives, beside the protocol. */
export interface AgentLog extends AsyncDisposable {
  /** What an agent's process needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Waits until an agent has begun so many of these, and gives its process id. */
  until(what: 'start' | 'turn' | 'tool', count?: number): Promise<number>;
}

export async function openAgentLog(): Promise<AgentLog> {
  const home = await mkdtemp(join(tmpdir(), 'turnkeeper-agent-'));
  const path = join(home, 'log');
  return {
    env: { AGENT_LOG: path },
    async until(what, count = 1) {
      for (let waited = 0; waited < 10_000; waited += 5) {
        const lines = await readFile(path, 'utf8').catch(() => '');
        const told = lines.split('\n').filter((line) => line.endsWith(` ${what}`));
        const last = told[count - 1];
        if (last !== undefined) return Number.parseInt(last, 10);
        await wait(5);
      }
      throw new Error(`No agent has begun a ${what} within ten seconds.`);
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}
