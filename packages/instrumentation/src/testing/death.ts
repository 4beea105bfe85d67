import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { check, type CapturedSpan } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { startModelServer, type ModelServer } from '@turnkeeper/model-server';
import { expect, test } from 'vitest';
import type { Adapter } from '../adapter.ts';
import { withSession } from '../session/active-session.ts';
import { attachTo, type AttachedTo } from './attached.ts';
import { startTracing, type Tracing } from './tracing.ts';

/** How long a call that is not answered is waited for. Milliseconds. */
const PATIENCE = 300;

const PENDING = 'pending';

/** How long what must come may take. Milliseconds. */
const soon = { timeout: 10_000, interval: 5 };

/** A program with an engine that dies. */
export interface Life {
  /**
   * Observes a target, except in the life that shows what it is like without us. `turnsIn` counts the turns that the
   * adapter remembers.
   */
  readonly watch: <Target extends object, Native, State>(
    adapter: Adapter<Target, Native, State>,
    target: Target,
    turnsIn: (state: State) => number,
  ) => void;
  /** Does this in the conversation that this life is about. */
  readonly converse: <T>(work: () => T) => T;
  /** Kills a process of the engine, and waits until it is dead; or does what is given, where there is no process. */
  readonly kill: (victim: ChildProcess | number | (() => Promise<unknown>)) => Promise<void>;
  /** What is tidied up when all has been looked at. */
  readonly things: AsyncDisposableStack;
}

/** A model server that can be killed below an engine of the program's own process. */
export interface MortalModels {
  readonly server: ModelServer;
  /** It is asked for what it never answers. */
  readonly asked: Promise<void>;
}

/** To `#silent` it never says anything, to `#never` it never ends; to `#weather` it asks for the tool. */
export async function startMortalModels({ things }: Life): Promise<MortalModels> {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const server = things.use(
    await startModelServer({
      script: async ({ messages, lastUserText }) => {
        if (messages.at(-1)?.role === 'tool') return 'done';
        if (lastUserText.includes('#silent')) {
          resolve();
          await new Promise(() => {});
        }
        if (lastUserText.includes('#never')) return { text: 'one two', ending: 'never' };
        return lastUserText.includes('#weather') ? { toolCalls: [{ name: 'weather' }] } : 'hello';
      },
    }),
  );
  return { server, asked };
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

/**
 * The laws of death, for each phase: the program sees what it would see without us, and no more is raised; every span
 * ends within its bound, in the session of its conversation, and a turn that was cut off with an error; nothing is
 * remembered; and the next conversation, which `next` leads, is traced as if nothing had been.
 */
export function testDeaths(deaths: readonly Death[], next: (life: Life) => Promise<unknown>): void {
  test.each(deaths)('$phase', { timeout: 30_000 }, async (death) => {
    await using world = startWorld();
    const { capture, diagnostics } = world.tracing;
    const { sees, raises = [], tree } = death;
    // Side by side, for it is all waiting.
    const [without, observed] = await Promise.all([liveOnce(death, world, false), liveOnce(death, world, true)]);
    expect(observed.seen).toEqual(sees);
    expect(without.seen).toEqual(sees);
    await expect.poll(() => world.raised, soon).toEqual([...raises, ...raises]);
    await expect.poll(world.open, soon).toBe(0);
    expect(capture.tree().replaceAll(NETWORK, 'network')).toBe(tree.join('\n'));
    expect(sessionsIn(capture)).toEqual(tree.length > 0 ? ['conv-42'] : []);
    expect(check(capture)).toEqual([]);
    expect(observed.remembered()).toBe(0);

    capture.reset();
    await next(observed.life('conv-43'));
    await expect.poll(world.open, soon).toBe(0);
    expect(capture).toHaveSession('conv-43', { turns: 1 });
    expect(sessionsIn(capture)).toEqual(['conv-43']);
    expect(capture.spans.filter(({ status }) => status === 'error')).toEqual([]);
    expect(capture).toPassChecks();
    expect(diagnostics).toEqual([]);
  });
}

interface World extends AsyncDisposable {
  readonly tracing: Tracing;
  readonly things: AsyncDisposableStack;
  /** What the program would have died of, had nobody listened. */
  readonly raised: readonly string[];
  /** Spans that have started and not ended. */
  readonly open: () => number;
}

function startWorld(): World {
  const things = new AsyncDisposableStack();
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
  return { tracing, things, raised, open: () => open, [Symbol.asyncDispose]: () => things.disposeAsync() };
}

interface Lived {
  readonly seen: readonly string[];
  /** How many runs the attachments know of, and their adapters turns. */
  readonly remembered: () => number;
  /** Another life like this one. */
  readonly life: (conversation: string) => Life;
}

async function liveOnce(death: Death, { things }: World, isObserved: boolean): Promise<Lived> {
  const { idleTimeoutMillis } = death;
  const options = idleTimeoutMillis === undefined ? {} : { idleTimeoutMillis };
  const attachments: AttachedTo[] = [];
  let deaths = 0;
  const life = (conversation: string): Life => ({
    watch: (adapter, target, turnsIn) => {
      if (!isObserved) return;
      attachments.push(things.adopt(attachTo(adapter, target, turnsIn, options), ({ stop }) => stop()));
    },
    converse: (work) => withSession(conversation, work),
    kill: async (victim) => {
      await killOne(victim);
      deaths += 1;
    },
    things,
  });
  const seen = await Promise.all((await death.live(life('conv-42'))).map((call, at) => lookAt(call, death.sees[at])));
  expect(deaths).toBe(1);
  return { seen, life, remembered: () => attachments.reduce((sum, { size }) => sum + size(), 0) };
}

function sessionsIn({ spans }: { readonly spans: readonly CapturedSpan[] }): readonly unknown[] {
  return [...new Set(spans.map(({ attributes }) => attributes['session.id']))];
}

async function killOne(victim: ChildProcess | number | (() => Promise<unknown>)): Promise<void> {
  if (typeof victim === 'function') {
    await victim();
  } else if (typeof victim === 'number') {
    process.kill(victim, 'SIGKILL');
    await expect.poll(() => isAlive(victim), soon).toBe(false);
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
function lookAt(call: Promise<unknown>, expected: string | undefined): Promise<string> {
  const patience = expected === PENDING ? PATIENCE : soon.timeout;
  return Promise.race([call.then(() => 'resolved', inWords), wait(patience, PENDING)]);
}

/** An error as a program can tell it from another. */
function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { name, message, constructor } = error;
  const code: unknown = Reflect.get(error, 'code');
  const kind = constructor.name === name ? [name] : [constructor.name, name];
  const words = [...kind, ...(typeof code === 'string' || typeof code === 'number' ? [code] : [])].join(' ');
  return `${words}: ${message}`.replace(UNAVAILABLE, '$1');
}

/** What the network calls it when nobody is there any more, and what gRPC knows of it, is a matter of the moment. */
const NETWORK = /ECONNREFUSED|ECONNRESET|EPIPE|UND_ERR_SOCKET/gu;
const UNAVAILABLE = /(UNAVAILABLE): .*/u;
