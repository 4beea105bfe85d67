import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { check } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { expect, test } from 'vitest';
import type { Adapter } from '../adapter.ts';
import { withSession } from '../session/active-session.ts';
import { attachTo, type AttachedTo } from './attached.ts';
import { startTracing, type Tracing } from './tracing.ts';

/** How long after a death a call may still be answered. Milliseconds. */
const PATIENCE = 500;

/** A program with an engine that dies. */
export interface Life {
  /** Observes a target, except in the life that shows what it is like without us. */
  readonly watch: <Target extends object, Native, State>(
    adapter: Adapter<Target, Native, State>,
    target: Target,
  ) => void;
  /** Does this in the conversation that this life is about. */
  readonly converse: <T>(work: () => T) => T;
  /** Kills a process of the engine, and waits until it is dead; or does what is given, where there is no process. */
  readonly kill: (victim: ChildProcess | number | (() => Promise<unknown>)) => Promise<void>;
  /** What is tidied up when all has been looked at. */
  readonly things: AsyncDisposableStack;
}

/** One moment to die at. */
export interface Death {
  readonly phase: string;
  /** Leads there, kills, and gives the calls that the program waits for. */
  readonly live: (life: Life) => Promise<readonly Promise<unknown>[]>;
  /** What the program sees of these calls: an error in words, `resolved`, or `pending`. */
  readonly sees: readonly string[];
  /** What is raised because nobody handles it. Default: nothing. */
  readonly raises?: readonly string[];
  /** The trace that is left. */
  readonly tree: readonly string[];
  /** Nothing tells of the death: the run is abandoned after so long. Milliseconds. */
  readonly idleTimeoutMillis?: number;
}

/** What is left of a life. */
interface Remains {
  readonly life: Life;
  readonly seen: readonly string[];
  readonly raised: readonly string[];
  readonly tracing: Tracing;
  /** Spans that have started and not ended. */
  readonly open: () => number;
  /** The runs in the tables of all attachments. */
  readonly remembered: () => number;
}

/**
 * The laws of death, for each phase: the program sees what it would see without us, and no more is raised; every span
 * ends within its bound, in the session of its conversation, and a turn that was cut off with an error; nothing is
 * remembered; and the next conversation, which `next` leads, is traced as if nothing had been.
 */
export function testDeaths(deaths: readonly Death[], next: (life: Life) => Promise<unknown>): void {
  test.each(deaths)('$phase', { timeout: 30_000 }, async (death) => {
    const without = await liveUnobserved(death);
    await using things = new AsyncDisposableStack();
    const left = await liveOnce(death, things, true);
    const { capture } = left.tracing;
    await expect.poll(left.open, { timeout: 5_000, interval: 5 }).toBe(0);
    expect(capture.tree()).toBe(death.tree.join('\n'));
    expect(left.remembered()).toBe(0);
    expect(capture.spans.filter(({ attributes }) => attributes['session.id'] !== 'conv-42')).toEqual([]);
    expect(check(capture)).toEqual([]);
    expect([left.seen, left.raised]).toEqual([death.sees, death.raises ?? []]);
    expect([without.seen, without.raised]).toEqual([left.seen, left.raised]);
    expect(left.tracing.diagnostics).toEqual([]);
    capture.reset();
    await next({ ...left.life, converse: (work) => withSession('conv-43', work) });
    await expect.poll(left.open, { timeout: 5_000, interval: 5 }).toBe(0);
    expect(capture).toHaveSession('conv-43', { turns: 1 });
    expect(capture.spans.filter(({ attributes }) => attributes['session.id'] !== 'conv-43')).toEqual([]);
    expect(capture.spans.filter(({ status }) => status === 'error')).toEqual([]);
    expect(capture).toPassChecks();
  });
}

async function liveUnobserved(death: Death): Promise<Remains> {
  await using things = new AsyncDisposableStack();
  return await liveOnce(death, things, false);
}

async function liveOnce(
  { live, idleTimeoutMillis }: Death,
  things: AsyncDisposableStack,
  isObserved: boolean,
): Promise<Remains> {
  let open = 0;
  const done = (): Promise<void> => Promise.resolve();
  const counting: SpanProcessor = {
    onStart: () => void (open += 1),
    onEnd: () => void (open -= 1),
    forceFlush: done,
    shutdown: done,
  };
  const tracing = things.use(startTracing({ processors: [counting] }));
  const raised: string[] = [];
  const keep = (error: unknown): void => void raised.push(inWords(error));
  process.on('unhandledRejection', keep);
  things.defer(() => void process.off('unhandledRejection', keep));
  const attachments: AttachedTo[] = [];
  let deaths = 0;
  const life: Life = {
    watch: (adapter, target) => {
      if (!isObserved) return;
      const options = idleTimeoutMillis === undefined ? {} : { idleTimeoutMillis };
      attachments.push(things.adopt(attachTo(adapter, target, options), ({ stop }) => stop()));
    },
    converse: (work) => withSession('conv-42', work),
    kill: async (victim) => {
      await killOne(victim);
      deaths += 1;
    },
    things,
  };
  const seen = await Promise.all((await live(life)).map(lookAt));
  expect(deaths).toBe(1);
  return {
    life,
    seen,
    raised,
    tracing,
    open: () => open,
    remembered: () => attachments.reduce((sum, { size }) => sum + size(), 0),
  };
}

async function killOne(victim: ChildProcess | number | (() => Promise<unknown>)): Promise<void> {
  if (typeof victim === 'function') {
    await victim();
  } else if (typeof victim === 'number') {
    process.kill(victim, 'SIGKILL');
    await expect.poll(() => isAlive(victim), { timeout: 5_000, interval: 5 }).toBe(false);
  } else {
    // With its pipes: what it said last has come.
    const closed = once(victim, 'close');
    expect(victim.kill('SIGKILL')).toBe(true);
    expect(await closed).toEqual([null, 'SIGKILL']);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** How a call has ended: `pending` where it has not, long after what was to answer it is dead. */
async function lookAt(call: Promise<unknown>): Promise<string> {
  const ended = call.then(() => 'resolved', inWords);
  return Promise.race([ended, wait(PATIENCE, 'pending')]);
}

/** An error as a program can tell it from another. Ports and ids differ from life to life. */
function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code: unknown = Reflect.get(error, 'code');
  const kind = error.constructor.name === error.name ? error.name : `${error.constructor.name} ${error.name}`;
  const words = `${[kind, ...(typeof code === 'string' || typeof code === 'number' ? [code] : [])].join(' ')}: ${error.message}`;
  return words.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d{4,}/gu, '#');
}
