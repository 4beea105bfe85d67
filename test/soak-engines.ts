/** What `pnpm soak` does with the engines that have processes of their own: each conversation ends with a death. */
import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { client } from '@agentclientprotocol/sdk';
import { credentials, loadPackageDefinition, type Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { withSession } from '@turnkeeper/instrumentation';
import { messageStream } from '@turnkeeper/model-server/acp-agent';
import { openCopilot } from '@turnkeeper/model-server/copilot';
import { openRivet } from '@turnkeeper/model-server/rivet';
import { SandboxAgent } from 'sandbox-agent';
import { root } from './program.ts';

/** One conversation after another, under the ids that it is given. */
export type Converse = (conversation: string) => Promise<void>;

/** A program of ours that prints a line when it is ready; it ends with what holds it. */
async function start(script: string, argument: string): Promise<AsyncDisposable & { readonly line: string }> {
  const child = spawn(process.execPath, [join(root, script), argument], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(child.stdout), 'line');
  return { line: String(line), [Symbol.asyncDispose]: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

const say = (text: string) => [{ type: 'text' as const, text }];

/** Turns with an agent of its own, which is killed in the middle of one. */
export const converseWithAcp: Converse = async (conversation) => {
  const agent = spawn(process.execPath, [join(root, 'packages/model-server/dist/engines/acp-agent-main.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const app = client().onRequest('session/request_permission', () => ({
    outcome: { outcome: 'selected' as const, optionId: 'yes' },
  }));
  const { agent: peer } = app.connect(messageStream(agent.stdin, agent.stdout));
  await peer.request('initialize', { protocolVersion: 1 });
  const { sessionId } = await peer.request('session/new', { cwd: '/', mcpServers: [] });
  const prompt = (text: string): Promise<unknown> =>
    withSession(conversation, () => peer.request('session/prompt', { sessionId, prompt: say(text) }));
  for (let round = 0; round < 10; round += 1) await prompt(round % 2 === 0 ? '#quicktool' : '#tool #permission');
  const cut = prompt('#tool #stuck').catch(() => {});
  await sleep(20);
  await end(agent);
  await cut;
  await prompt('is anybody there?').catch(() => {});
};

interface Frontend extends Client {
  OpenSession(request: object, reply: (error: unknown) => void): void;
  CreateTask(
    request: object,
    reply: (error: unknown, task?: { readonly metadata: { readonly id: string } }) => void,
  ): void;
  WatchTask(request: object): AsyncIterable<unknown> & { cancel(): void };
}

type FrontendClass = new (address: string, secret: object) => Frontend;

/** Tasks on a stand-in in a process of its own, watched, given up, and never asked after. */
export async function openFlame(): Promise<AsyncDisposable & { readonly converse: Converse }> {
  const proto = join(root, 'examples/flame/flame.proto');
  const standIn = await start('packages/instrumentation/src/testing/flame-process.ts', proto);
  const loaded = loadPackageDefinition(loadSync(proto, { keepCase: true, enums: String, defaults: true }));
  const { Frontend } = (loaded as unknown as { flame: { v1: { Frontend: FrontendClass } } }).flame.v1;
  const converse: Converse = async (conversation) => {
    const frontend = new Frontend(standIn.line, credentials.createInsecure());
    const session_id = `own-${conversation}`;
    await new Promise((resolve) => frontend.OpenSession({ session_id, session: { application: 'echo' } }, resolve));
    const create = (input: string): Promise<string> =>
      withSession(
        conversation,
        () =>
          new Promise((resolve, reject) =>
            frontend.CreateTask({ task: { session_id, input: Buffer.from(input) } }, (error, task) =>
              task ? resolve(task.metadata.id) : reject(error),
            ),
          ),
      );
    for (let round = 0; round < 5; round += 1) {
      for await (const _state of frontend.WatchTask({ session_id, task_id: await create('hello') }));
    }
    const watched = frontend.WatchTask({ session_id, task_id: await create('#never') });
    try {
      for await (const _state of watched) watched.cancel();
    } catch {
      // It was given up.
    }
    await create('#never');
    frontend.close();
  };
  return { converse, [Symbol.asyncDispose]: () => standIn[Symbol.asyncDispose]() };
}

/** Turns on a daemon, whose agent dies in the middle of one. */
export async function openRivetDaemon(): Promise<AsyncDisposable & { readonly converse: Converse }> {
  const { error } = console;
  // The SDK writes every broken connection to the console.
  console.error = (...words: unknown[]) => {
    if (words[0] !== 'ACP write error:') error(...words);
  };
  const daemon = await openRivet();
  const converse: Converse = async (conversation) => {
    // Not the daemon's own way, which keeps its clients until its end.
    const sandbox = await SandboxAgent.connect({ baseUrl: daemon.url, token: daemon.token });
    const session = await sandbox.createSession({ id: `own-${conversation}`, agent: 'cursor', cwd: daemon.cwd });
    const prompt = (text: string): Promise<unknown> => withSession(conversation, () => session.prompt(say(text)));
    for (let round = 0; round < 5; round += 1) await prompt(round % 2 === 0 ? '#quicktool' : 'hello');
    // Nobody ever answers this one.
    void prompt('#tool #die');
    await sleep(100);
    await sandbox.dispose();
  };
  return { converse, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
}

/** Turns with a runtime of its own, which is killed in the middle of one. */
export function converseWithCopilot(url: string): Converse {
  return async (conversation) => {
    await using copilot = await openCopilot({
      url,
      tools: [
        {
          name: 'lookup',
          description: 'Looks something up',
          parameters: { type: 'object' },
          skipPermission: true,
          handler: () => 'found',
        },
      ],
    });
    const session = await copilot.client.createSession(copilot.config);
    for (const text of ['hello', '#lookup', 'thanks']) {
      await withSession(conversation, () => session.sendAndWait(text));
    }
    await withSession(conversation, () => session.send('#slow'));
    await sleep(20);
    const runtime: unknown = Reflect.get(copilot.client, 'cliProcess');
    if (!(runtime instanceof ChildProcess)) throw new Error('the SDK keeps its process elsewhere');
    await end(runtime);
  };
}
