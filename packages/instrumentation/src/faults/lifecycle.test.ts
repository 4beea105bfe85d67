/** Observation that comes and goes, and targets that cannot be observed. */
import { InstrumentationNodeModuleDefinition } from '@opentelemetry/instrumentation';
import * as engine from '@earendil-works/pi-coding-agent';
import '@turnkeeper/check/vitest';
import { startModelServer, type ModelServer } from '@turnkeeper/model-server';
import { openPi } from '@turnkeeper/model-server/pi';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TurnkeeperInstrumentation } from '../instrumentation.ts';
import { observe } from '../observe.ts';
import { withSession } from '../session/active-session.ts';
import { attachScripted } from '../testing/attached.ts';
import { script, scriptedAdapter } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { wrapMethod } from '../wrap-method.ts';

let tracing: Tracing;
let server: ModelServer;
beforeEach(async () => {
  tracing = startTracing();
  server = await startModelServer({
    script: ({ lastUserText }) => ({ text: `You said ${lastUserText}`, delayMs: 100 }),
  });
});
afterEach(async () => {
  tracing[Symbol.dispose]();
  await server.close();
});

const ok = { kind: 'ok' } as const;

/** An instrumentation that has seen the real Pi load. */
function instrumentPi(): TurnkeeperInstrumentation {
  const instrumentation = new TurnkeeperInstrumentation({ engines: ['pi'] });
  for (const definition of instrumentation.getModuleDefinitions()) {
    if (definition instanceof InstrumentationNodeModuleDefinition) definition.patch?.(engine);
  }
  return instrumentation;
}

describe('disabled while a real Pi works', () => {
  test('the run is closed at once as abandoned, Pi answers, and enabled again its next turn is traced', async () => {
    const instrumentation = instrumentPi();
    await using running = await openPi({ url: server.url });
    const { session } = running;
    await withSession('conv-42', () => session.prompt('one'));
    const during = withSession('conv-42', () => session.prompt('two'));
    await expect.poll(() => server.requests.length).toBe(2);
    instrumentation.disable();
    expect(tracing.capture.tree()).toContain('run.start -> previous turn (error abandoned)');
    await during;
    expect(session.getLastAssistantText()).toBe('You said two');
    const before = tracing.capture.spans.length;
    await withSession('conv-42', () => session.prompt('untraced'));
    expect(tracing.capture.spans).toHaveLength(before);
    instrumentation.enable();
    await withSession('conv-42', () => session.prompt('three'));
    instrumentation.disable();
    expect(tracing.capture.tree()).toBe(
      [
        'invoke_agent pi [session conv-42] run.start',
        '  chat test-model',
        'invoke_agent pi [session conv-42] run.start -> previous turn (error abandoned)',
        '  chat test-model (error abandoned)',
        'invoke_agent pi [session conv-42] run.start -> previous turn',
        '  chat test-model',
      ].join('\n'),
    );
    expect(tracing.diagnostics).toEqual([]);
  });

  test('and enabled at once, ten times over, it answers, and no turn is traced twice', async () => {
    const instrumentation = instrumentPi();
    await using running = await openPi({ url: server.url });
    const { session } = running;
    const during = withSession('conv-42', () => session.prompt('one'));
    await expect.poll(() => server.requests.length).toBe(1);
    for (let index = 0; index < 10; index += 1) {
      instrumentation.disable();
      instrumentation.enable();
    }
    await during;
    expect(session.getLastAssistantText()).toBe('You said one');
    await withSession('conv-42', () => session.prompt('two'));
    instrumentation.disable();
    const roots = tracing.capture.spans.filter(({ name }) => name === 'invoke_agent pi');
    expect(roots.map(({ status }) => status)).toEqual(['error', 'unset']);
  });
});

test('an observation that stops with runs pending, open and held closes them all, and takes what still comes calmly', async () => {
  const { tap, say, size, stop } = attachScripted();
  let finish = (): void => {};
  const pending = tap.run('pending', [], () => new Promise<void>((resolve) => (finish = resolve)));
  say({ type: 'run.start', run: 'open', session: 'own-1' }, { type: 'tool.start', run: 'open', call: 't', tool: 'x' });
  say({ type: 'run.start', run: 'held', session: 'own-2', caller: 'nobody' });
  stop();
  stop();
  expect(size()).toBe(0);
  say({ type: 'tool.end', run: 'open', call: 't', outcome: ok }, { type: 'run.start', run: 'late', session: 'own-3' });
  finish();
  await pending;
  expect(tap.run('after', [], () => 'done')).toBe('done');
  expect(size()).toBe(0);
  expect(tracing.capture.tree()).toBe(
    [
      'invoke_agent scripted [session own-1] run.start (error abandoned)',
      '  execute_tool x (error abandoned)',
      'invoke_agent scripted [session own-2] run.start (error abandoned)',
    ].join('\n'),
  );
});

describe('a target that is frozen', () => {
  test('is named once and left alone, not observed twice', () => {
    const attached: object[] = [];
    const adapter = scriptedAdapter('scripted', {
      attach: (target) => {
        attached.push(target);
        return () => {};
      },
    });
    const target = Object.freeze({});
    for (let index = 0; index < 2; index += 1) expect(observe(adapter, target).runs()).toEqual([]);
    expect(attached).toEqual([]);
    expect(tracing.diagnostics).toEqual([
      expect.stringContaining('scripted: this target cannot be observed: Error: it is frozen or sealed'),
    ]);
  });

  test('and is a module’s namespace, or the class in it, is left alone', () => {
    const instrumentation = new TurnkeeperInstrumentation({ engines: ['pi'] });
    const [definition] = instrumentation.getModuleDefinitions();
    class AgentSession {
      prompt(): string {
        return 'as it is';
      }
    }
    Object.freeze(AgentSession.prototype);
    const namespace = Object.freeze(Object.assign(Object.create(null), { AgentSession }));
    expect(definition?.patch?.(namespace)).toBe(namespace);
    expect(new AgentSession().prompt()).toBe('as it is');
    const unready = Object.freeze({
      get AgentSession(): never {
        throw new ReferenceError("Cannot access 'AgentSession' before initialization");
      },
    });
    expect(definition?.patch?.(unready)).toBe(unready);
    instrumentation.disable();
  });
});

describe('an adapter that fails', () => {
  const fail = (): never => {
    throw new Error('the adapter’s own');
  };

  test.each(['start', 'attach'] as const)('in its %s gives an observation that does nothing', (part) => {
    const observation = observe(scriptedAdapter('failing', { [part]: fail }), {});
    expect(observation.runs()).toEqual([]);
    observation.stop();
    expect(tracing.diagnostics).toEqual([expect.stringContaining('failing: this target cannot be observed')]);
  });

  test('in its attach leaves nothing that works, and nothing to grow with each try', async () => {
    const target = { ask: async () => 'the answer' };
    const failing = scriptedAdapter('failing', {
      attach: (_target, tap) => {
        wrapMethod(target, 'ask', (proceed, args) =>
          tap.run('r', [], () => {
            tap.deliver({
              events: [
                { type: 'run.start', run: 'r' },
                { type: 'run.end', run: 'r', outcome: ok },
              ],
            });
            return proceed(...args);
          }),
        );
        return fail();
      },
    });
    const observed = {};
    observe(failing, observed);
    const { ask } = target;
    observe(failing, observed);
    expect(target.ask).toBe(ask);
    expect(await target.ask()).toBe('the answer');
    expect(tracing.capture.spans).toEqual([]);
    expect(tracing.diagnostics).toHaveLength(1);
  });

  test('once costs the runs of the time, and none that comes later', async () => {
    let isBroken = true;
    const { tap, say } = script(
      {},
      scriptedAdapter('failing', { translate: ({ events }) => (isBroken ? fail() : events) }),
    );
    tap.run('early', [], () => say({ type: 'run.start', run: 'early', session: 'own-1' }));
    isBroken = false;
    // Its work goes on when its call is over, as a stream's does.
    await tap.run('late', [], async () => say({ type: 'run.start', run: 'late', session: 'own-1' }));
    expect(tracing.capture.spans).toEqual([]);
    say({ type: 'run.end', run: 'late', outcome: { kind: 'ok' } });
    expect(tracing.capture.tree()).toBe('invoke_agent failing [session own-1] run.start');
  });

  test.each(['translate', 'scope'] as const)('in its %s does not reach the engine', (part) => {
    const { tap, say } = script({}, scriptedAdapter('failing', { [part]: fail }));
    const answer = tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r', session: 'own-1' });
      return tap.around({ events: [] }, () => 'the answer');
    });
    expect(answer).toBe('the answer');
    expect(tracing.diagnostics).toEqual([expect.stringContaining(`failing: ${part} failed`)]);
  });
});
