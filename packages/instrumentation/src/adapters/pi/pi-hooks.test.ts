import { mock } from 'node:test';
import { AgentSession } from '@earendil-works/pi-coding-agent';
import { openPi } from '@turnkeeper/model-server/pi';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { observe } from '../../observe.ts';
import { withSession } from '../../session/active-session.ts';
import { startPiWorld, type PiWorld } from '../../testing/pi.ts';
import { pi } from './index.ts';

let world: PiWorld;
beforeEach(async () => {
  world = await startPiWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

test('what the program sends along with a model call is sent, and its own trace context stays what it is', async () => {
  await using running = await openPi({ url: world.server.url, api: 'openai-responses' });
  const { session } = running;
  const traceparent = '00-11111111111111111111111111111111-2222222222222222-01';
  observe(pi, session);
  const observed = session.agent.streamFunction;
  session.agent.streamFunction = (model, context, options) =>
    observed(model, context, { ...options, headers: { ...options?.headers, traceparent, 'x-shop': '7' } });
  await session.prompt('hello');
  expect(world.server.requests[0]?.headers).toMatchObject({ traceparent, 'x-shop': '7' });
  expect(world.tracing.capture.tree()).toContain('chat test-model');
});

const failure = new TypeError('no such model');

test.each([
  ['rejects', () => Promise.reject(failure)],
  [
    'throws',
    () => {
      throw failure;
    },
  ],
])('a stream function that %s is an error of its model call, by its name', async (_how, streamFunction) => {
  await using running = await openPi({ url: world.server.url, id: 'pi-own' });
  const { session } = running;
  session.agent.streamFunction = streamFunction;
  observe(pi, session);
  await session.prompt('hello');
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session pi-own] run.start (error provider_error)
      chat test-model (error TypeError)"
  `);
});

test('a compaction asks for the credentials that it would ask for unobserved', async () => {
  const asked = async (isObserved: boolean): Promise<number> => {
    const { session, runtime, observation } = await world.open();
    if (!isObserved) observation.stop();
    for (const text of ['one', 'two']) await session.prompt(text);
    const getAuth = vi.spyOn(runtime.services.modelRuntime, 'getAuth');
    await session.compact();
    return getAuth.mock.calls.length;
  };
  expect(await asked(true)).toBe(await asked(false));
});

test('a stream function that is put in place while the session is observed stays there', async () => {
  const { session, observation } = await world.open();
  const { agent } = session;
  const observed = agent.streamFunction;
  const own: typeof observed = (...args) => observed(...args);
  agent.streamFunction = own;
  await withSession('conv-42', () => session.prompt('hello'));
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session conv-42] run.start
      chat test-model"
  `);
  observation.stop();
  expect(agent.streamFunction).toBe(own);
});

test('a stream function that a test has mocked is called', async () => {
  const { session } = await world.open();
  const mocked = mock.method(session.agent, 'streamFunction');
  await withSession('conv-42', () => session.prompt('hello'));
  mocked.mock.restore();
  expect(mocked.mock.callCount()).toBe(1);
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session conv-42] run.start
      chat test-model"
  `);
});

interface Asking {
  _getSummarizationRequestAuth(...args: unknown[]): Promise<unknown>;
}

test('an observation that begins while Pi asks for credentials follows the model calls behind it', async () => {
  const { session, observation } = await world.open();
  for (const text of ['one', 'two']) await session.prompt(text);
  const [asked, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const asking = AgentSession.prototype as unknown as Asking;
  const { _getSummarizationRequestAuth: own } = asking;
  using _waiting = vi.spyOn(asking, '_getSummarizationRequestAuth').mockImplementation(async function (
    this: Asking,
    ...args
  ) {
    asked.resolve();
    await goOn.promise;
    return own.apply(this, args);
  });
  const compacted = session.compact();
  await asked.promise;
  observation.stop();
  observe(pi, session);
  goOn.resolve();
  await compacted;
  await withSession('conv-42', () => session.prompt('three'));
  const { root } = world.tracing.capture.index.runs.at(-1)!;
  expect(world.tracing.capture.index.childrenOf(root).map(({ name }) => name)).toEqual(['chat test-model']);
});

test('a tool is hooked once, however many turns there are, and is as it was when the observation stops', async () => {
  const { session, observation } = await world.open();
  const execute = (): unknown => session.agent.state.tools.find(({ name }) => name === 'weather')?.execute;
  const own = execute();
  await session.prompt('#weather');
  const hooked = execute();
  expect(hooked).not.toBe(own);
  await session.prompt('#weather');
  expect(execute()).toBe(hooked);
  observation.stop();
  expect(execute()).toBe(own);
});
