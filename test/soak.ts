/**
 * `pnpm soak`: conversations of all real engines side by side, read, aborted, abandoned, their processes killed, with
 * observation going on and off, for SOAK_SECONDS (180), and until each has been seen. Fails where a span stays open, a
 * span has no session, an engine is not seen, or, in a minute or more, the heap grows.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, MemorySession, setTracingDisabled, tool, type Runner } from '@openai/agents';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import {
  SessionSpanProcessor,
  traceService,
  TurnkeeperInstrumentation,
  withSession,
} from '@turnkeeper/instrumentation';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { openPi } from '@turnkeeper/model-server/pi';
import { z } from 'zod';
import { converseWithAcp, converseWithCopilot, openFlame, openRivetDaemon, type Converse } from './soak-engines.ts';

const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 180);
/** A run that nobody ends is closed by then. Milliseconds. */
const IDLE = 1_000;
/** How much more heap the last quarter may take than the second, in bytes. */
const GROWTH = 4 * 1024 * 1024;
/** What a program takes while it warms up says nothing. Seconds. */
const WARM = 60;
/** How long an engine that has not been seen is waited for. Milliseconds. */
const PATIENCE = 60_000;

/** How many sessions' last turns are remembered. That many from the start on, or filling that table looks like a leak. */
const REMEMBERED = 10_000;

/** How many engines take part; a service is one. */
const ENGINES = 7;

const collect = globalThis.gc;
if (!collect) throw new Error('Run this by `pnpm soak`: it needs node --expose-gc.');

const seen = { turns: 0, open: 0, ended: 0, unstamped: 0 };
/** The turns of each engine. */
const engines = new Map<string, number>();
const counting = {
  onStart: () => void (seen.open += 1),
  onEnd: ({ attributes }: ReadableSpan) => {
    seen.open -= 1;
    seen.ended += 1;
    if (attributes['session.id'] === undefined) seen.unstamped += 1;
    const { 'turnkeeper.engine.name': engine } = attributes;
    if (engine === undefined) return;
    seen.turns += 1;
    engines.set(String(engine), (engines.get(String(engine)) ?? 0) + 1);
  },
  forceFlush: async () => {},
  shutdown: async () => {},
};
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SessionSpanProcessor(counting)] }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager());
const database = trace.getTracer('database');

const models = spawn(process.execPath, [join(import.meta.dirname, 'apps/model-server.ts')], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const [url] = (await once(createInterface(models.stdout), 'line')) as [string];

const instrumentation = new TurnkeeperInstrumentation({ idleTimeoutMillis: IDLE });

const greet = traceService(async () => {}, { name: 'greeter', idleTimeoutMillis: IDLE });
for (let index = 0; index < REMEMBERED; index += 1) await withSession(`met-${index}`, () => greet());
Object.assign(seen, { turns: 0, ended: 0 });
engines.clear();

const until = Date.now() + SECONDS * 1_000;
let conversations = 0;
const nextConversation = (): string => `conv-${(conversations += 1)}`;

/** Does it again and again until the time is over; a failure ends the soak. */
async function repeat(work: () => Promise<void>): Promise<void> {
  while (Date.now() < until || (engines.size < ENGINES && Date.now() < until + PATIENCE)) await work();
}

async function converseWithPi(): Promise<void> {
  const lookup = {
    name: 'lookup',
    label: 'Look-up',
    description: 'Looks something up',
    parameters: { type: 'object', properties: {} },
    execute: async () => {
      database.startSpan('SELECT').end();
      return { content: [{ type: 'text' as const, text: 'found' }], details: undefined };
    },
  };
  const conversation = nextConversation();
  await using pi = await openPi({ url, tools: [lookup] });
  for (const text of ['hello', '#lookup', 'thanks']) await withSession(conversation, () => pi.session.prompt(text));
  const slow = withSession(conversation, () => pi.session.prompt('#slow'));
  await sleep(20);
  await pi.session.abort();
  await slow;
}

setTracingDisabled(true);
const { runner } = openOpenAIAgents({ url });
async function converseWithOpenAI(openai: Runner): Promise<void> {
  const lookup = tool({
    name: 'lookup',
    description: 'Looks something up',
    parameters: z.object({}),
    execute: async () => (database.startSpan('SELECT').end(), 'found'),
  });
  const agent = new Agent({ name: 'Guide', model: 'test-model', tools: [lookup] });
  const conversation = nextConversation();
  const session = new MemorySession();
  for (const text of ['hello', '#lookup']) await withSession(conversation, () => openai.run(agent, text, { session }));
  const read = await withSession(conversation, () => openai.run(agent, 'stream', { stream: true, session }));
  for await (const _event of read);
  const left = await withSession(conversation, () => openai.run(agent, 'stream', { stream: true, session }));
  for await (const _event of left) break;
  const aborting = new AbortController();
  const slow = withSession(conversation, () => openai.run(agent, '#slow', { signal: aborting.signal }));
  await sleep(20);
  aborting.abort();
  await slow.catch(() => {});
}

const count = traceService(
  async function* () {
    for (let index = 0; index < 3; index += 1) {
      database.startSpan('SELECT').end();
      yield index;
    }
  },
  { name: 'counter', idleTimeoutMillis: IDLE },
);
async function serve(): Promise<void> {
  const conversation = nextConversation();
  for await (const _value of withSession(conversation, () => count()));
  for await (const _value of withSession(conversation, () => count())) break;
  // Begun and never read on.
  void withSession(conversation, () => count()).next();
  await sleep(20);
}

/** Off and on again, in the middle of whatever goes on. */
async function toggle(): Promise<void> {
  await sleep(3_000);
  instrumentation.disable();
  await sleep(50);
  instrumentation.enable();
}

const heaps: number[] = [];
async function measure(): Promise<void> {
  await sleep(Math.min(2_000, SECONDS * 25));
  collect?.();
  const { heapUsed } = process.memoryUsage();
  heaps.push(heapUsed);
  const left = Math.max(0, Math.round((until - Date.now()) / 1_000));
  console.log(
    `${String(left).padStart(5)} s left  ${(heapUsed / 1024 / 1024).toFixed(1)} MB  ${seen.turns} turns  ${seen.ended} spans  ${seen.open} open`,
  );
}

const flame = await openFlame();
const rivet = await openRivetDaemon();
const others: readonly Converse[] = [converseWithAcp, converseWithCopilot(url), flame.converse, rivet.converse];
await Promise.all([
  ...others.map((converse) => repeat(() => converse(nextConversation()))),
  repeat(converseWithPi),
  repeat(() => converseWithOpenAI(runner)),
  repeat(serve),
  repeat(toggle),
  repeat(measure),
]);
await sleep(IDLE * 3);
models.stdin.end();
await flame[Symbol.asyncDispose]();
await rivet[Symbol.asyncDispose]();

const quarter = Math.floor(heaps.length / 4);
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const growth = median(heaps.slice(-quarter)) - median(heaps.slice(quarter, quarter * 2));
const problems = [
  engines.size < ENGINES && `only ${engines.size} engines were seen`,
  seen.turns < SECONDS && `only ${seen.turns} turns were seen`,
  seen.open !== 0 && `${seen.open} spans are open at the end`,
  seen.unstamped !== 0 && `${seen.unstamped} spans have no session`,
  SECONDS >= WARM && growth > GROWTH && `the heap has grown by ${(growth / 1024 / 1024).toFixed(1)} MB`,
].filter((problem) => problem !== false);
console.log([...engines].map(([engine, turns]) => `${engine} ${turns}`).join(', '));
console.log(
  problems.length > 0
    ? `failed: ${problems.join('; ')}`
    : `fine: ${conversations} conversations, ${seen.turns} turns, ${seen.ended} spans, heap ${(growth / 1024 / 1024).toFixed(1)} MB`,
);
process.exitCode = problems.length > 0 ? 1 : 0;
