import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as piModule from '@earendil-works/pi-coding-agent';
import { diag, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { createCapture } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadAdapter } from './engine-patches.ts';
import { ENGINE_NAMES, enginePackages, TurnkeeperInstrumentation } from './instrumentation.ts';
import { observe } from './observe.ts';
import { pi } from './adapters/pi/index.ts';
import { openPi } from '@turnkeeper/model-server/pi';
import { withSession } from './session/active-session.ts';
import { startPiWorld, type PiWorld } from './testing/pi.ts';

const { prompt, sendCustomMessage } = piModule.AgentSession.prototype;
let world: PiWorld;
beforeEach(async () => {
  world = await startPiWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

/** What the module hook does when the program imports Pi. */
function load(instrumentation: TurnkeeperInstrumentation, exports: object = piModule): void {
  for (const definition of instrumentation.getModuleDefinitions()) {
    if (definition.name === '@earendil-works/pi-coding-agent') definition.patch?.(exports);
  }
}

describe('TurnkeeperInstrumentation', () => {
  test('observes every session of an engine from its first call on, and one observed by hand once', async () => {
    const instrumentation = new TurnkeeperInstrumentation();
    load(instrumentation);
    await using running = await openPi({ url: world.server.url, id: 'pi-own' });
    await withSession('conv-42', () => running.session.prompt('hello'));
    const { session } = await world.open({ id: 'by-hand' });
    await session.prompt('hello');
    instrumentation.disable();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
      invoke_agent pi [session by-hand] run.start
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('disabled, leaves Pi as it was, live sessions too; enabled again, observes again', async () => {
    const instrumentation = new TurnkeeperInstrumentation();
    load(instrumentation);
    expect(piModule.AgentSession.prototype.prompt).not.toBe(prompt);
    await using running = await openPi({ url: world.server.url, id: 'pi-own' });
    const { session } = running;
    await session.prompt('one');
    expect(Object.hasOwn(session, 'prompt')).toBe(true);

    instrumentation.disable();
    expect(piModule.AgentSession.prototype.prompt).toBe(prompt);
    expect(piModule.AgentSession.prototype.sendCustomMessage).toBe(sendCustomMessage);
    expect(Object.hasOwn(session, 'prompt')).toBe(false);
    await session.prompt('two');
    expect(world.tracing.capture).toHaveSession('pi-own', { turns: 1 });

    instrumentation.enable();
    await session.prompt('three');
    expect(world.tracing.capture).toHaveSession('pi-own', { turns: 2 });
    instrumentation.disable();
  });

  test('disabled, leaves a class as it was that two modules export', () => {
    const instrumentation = new TurnkeeperInstrumentation();
    load(instrumentation);
    load(instrumentation, { ...piModule });
    instrumentation.disable();
    expect(piModule.AgentSession.prototype.prompt).toBe(prompt);
  });

  test('disabled under somebody’s wrapper, observes nothing any more', async () => {
    const instrumentation = new TurnkeeperInstrumentation();
    load(instrumentation);
    const { prototype } = piModule.AgentSession;
    const { prompt: ours } = prototype;
    prototype.prompt = function (...args) {
      return ours.apply(this, args);
    };
    try {
      instrumentation.disable();
      await using running = await openPi({ url: world.server.url });
      await running.session.prompt('hello');
      expect(Object.hasOwn(running.session, 'prompt')).toBe(false);
      expect(world.tracing.capture.spans).toEqual([]);
    } finally {
      prototype.prompt = prompt;
    }
  });

  test('calls what somebody has put around a session’s method once, also at the first call', async () => {
    const instrumentation = new TurnkeeperInstrumentation();
    load(instrumentation);
    await using running = await openPi({ url: world.server.url, id: 'pi-own' });
    const { session } = running;
    const own = session.prompt.bind(session);
    let calls = 0;
    session.prompt = (text, options) => {
      calls += 1;
      return own(`${calls}: ${text}`, options);
    };
    for (const text of ['one', 'two']) await session.prompt(text);
    instrumentation.disable();
    expect(calls).toBe(2);
    expect(world.server.requests.map(({ lastUserText }) => lastUserText)).toEqual(['1: one', '2: two']);
    expect(world.tracing.capture).toHaveSession('pi-own', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
  });

  test('starts disabled where that is asked for, until registerInstrumentations enables it with its provider', async () => {
    const instrumentation = new TurnkeeperInstrumentation({ enabled: false });
    load(instrumentation);
    const capture = createCapture();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [capture.spanProcessor] });
    const unregister = registerInstrumentations({ instrumentations: [instrumentation], tracerProvider });
    await using running = await openPi({ url: world.server.url, id: 'pi-own' });
    await running.session.prompt('one');
    unregister();
    expect(capture).toHaveSession('pi-own', { turns: 1 });
    expect(world.tracing.capture.spans).toEqual([]);
    expect(trace.getTracerProvider()).not.toBe(tracerProvider);
  });

  test('beside a second one observes once', async () => {
    const first = new TurnkeeperInstrumentation();
    const second = new TurnkeeperInstrumentation();
    load(first);
    load(second);
    await using running = await openPi({ url: world.server.url, id: 'pi-own' });
    await running.session.prompt('one');
    second.disable();
    first.disable();
    expect(world.tracing.capture.spans).toHaveLength(2);
    expect(piModule.AgentSession.prototype.prompt).toBe(prompt);
  });

  test('looks at the packages of its engines only', () => {
    expect(enginePackages(['pi'])).toEqual(['@earendil-works/pi-coding-agent']);
    expect(enginePackages([])).toEqual([]);
    expect(new TurnkeeperInstrumentation({ enabled: false, engines: [] }).getModuleDefinitions()).toEqual([]);
  });

  test('knows the packages of each adapter, and loads it by its folder’s name', () => {
    for (const name of ENGINE_NAMES) {
      const adapter = loadAdapter(name);
      expect(adapter.name).toBe(name);
      expect(enginePackages([name])).toEqual([...new Set(adapter.patches?.map(({ module }) => module))]);
    }
  });

  test('takes an engine that is named alone, and leaves out one that there is none of, with a warning', () => {
    const packages = (engines: unknown): string[] => {
      const instrumentation: TurnkeeperInstrumentation = Reflect.construct(TurnkeeperInstrumentation, [{ engines }]);
      instrumentation.disable();
      return instrumentation.getModuleDefinitions().map(({ name }) => name);
    };
    expect(packages('pi')).toEqual(enginePackages(['pi']));
    expect(world.tracing.diagnostics).toEqual([]);
    expect(packages(['nope', 'pi', 'toString'])).toEqual(enginePackages(['pi']));
    expect(world.tracing.diagnostics).toEqual([
      expect.stringContaining('there is no nope, no toString, it is left out; there are acp, copilot, flame'),
    ]);
  });

  test('takes no session for all: that is an option of what is observed by hand', async () => {
    const instrumentation: TurnkeeperInstrumentation = Reflect.construct(TurnkeeperInstrumentation, [{ session: 'x' }]);
    load(instrumentation);
    await using running = await openPi({ url: world.server.url, id: 'pi-own' });
    await withSession('conv-42', () => running.session.prompt('hello'));
    instrumentation.disable();
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
  });

  test('warns of an engine to stamp only that there is none of, and takes null for no options', () => {
    for (const config of [null, { stampOnly: ['Pi', 'pi'] }]) {
      const instrumentation: TurnkeeperInstrumentation = Reflect.construct(TurnkeeperInstrumentation, [config]);
      instrumentation.disable();
    }
    expect(world.tracing.diagnostics).toEqual([expect.stringContaining('stampOnly: there is no Pi, it is left out')]);
  });

  test('says once, in a diagnostic log that is there for it, that the module hook is missing', () => {
    const said: string[] = [];
    const ignore = (): void => {};
    const logger = { verbose: ignore, debug: ignore, warn: ignore, error: ignore };
    diag.setLogger(
      { ...logger, info: (...words) => void said.push(words.join(' ')) },
      { suppressOverrideMessage: true },
    );
    const register = (): void => {
      const instrumentation = new TurnkeeperInstrumentation();
      for (let times = 0; times < 2; times++) registerInstrumentations({ instrumentations: [instrumentation] })();
    };
    register();
    expect(said).toEqual([expect.stringContaining('without --import @turnkeeper/instrumentation/hook')]);
    const hook = Symbol.for('turnkeeper.hook');
    Reflect.set(globalThis, hook, true);
    try {
      register();
    } finally {
      Reflect.deleteProperty(globalThis, hook);
    }
    expect(said).toHaveLength(1);
  });

  test('does not mind a module that is not what it expects', () => {
    const instrumentation = new TurnkeeperInstrumentation();
    const [definition] = instrumentation.getModuleDefinitions();
    for (const exports of [
      undefined,
      null,
      7,
      {},
      { AgentSession: {} },
      { AgentSession: () => {} },
      Object.freeze({}),
    ]) {
      expect(definition?.patch?.(exports)).toBe(exports);
    }
    instrumentation.disable();
  });

  test('lets go of sessions that the program has let go of', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const use = async (): Promise<WeakRef<object>> => {
      await using running = await openPi({ url: world.server.url });
      observe(pi, running.session);
      await running.session.prompt('one');
      return new WeakRef(running.session);
    };
    const session = await use();
    await expect.poll(() => (collect(), session.deref())).toBeUndefined();
  });
});
