import type { CopilotSession } from '@github/copilot-sdk';
import '@turnkeeper/check/vitest';
import type { JsonObject } from '@turnkeeper/model-server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { startCloudWorld, until, type CloudWorld } from '../../testing/copilot.ts';

// Real processes, which share the machine with other tests.
vi.setConfig({ testTimeout: 30_000 });

/** A runtime that accepts messages, which it calls by their words, and says nothing until it is told to. */
let world: CloudWorld;
let session: CopilotSession;
/** What it does before it accepts the next message. */
let answering: () => Promise<void>;
beforeEach(async () => {
  answering = async () => {};
  world = await startCloudWorld({
    send: async ({ prompt }) => {
      await answering();
      return { messageId: String(prompt) };
    },
  });
  session = await world.client.createSession({ ...world.config, sessionId: 'own-1' });
});
afterEach(() => world[Symbol.asyncDispose]());

const tell = (type: string, data: JsonObject = {}) => world.runtime.emit('own-1', type, data);
const take = (messageId: string) => tell('user.message', { messageId, interactionId: messageId });
const turns = (count: number) => until(() => world.tracing.capture.index.runs.length === count);

test.each<[string, (() => Promise<void>)?]>([
  ['never did'],
  [
    'did so before it was accepted',
    () => tell('user.message', { messageId: 'too late', interactionId: 'first', delivery: 'steering' }),
  ],
])(
  'a message that was to steer and %s is forgotten with the turn: the next one has its own at once',
  async (_, steer) => {
    await session.send('first');
    await take('first');
    answering = async () => {
      await steer?.();
      if (steer) await tell('session.idle');
    };
    await session.send({ prompt: 'too late', mode: 'immediate' });
    answering = async () => {};
    if (!steer) await tell('session.idle');
    await turns(1);
    await session.send({ prompt: 'second', mode: 'immediate' });
    await take('second');
    await tell('session.idle');
    await turns(2);
    const root = world.tracing.capture.index.runs[1]?.root;
    expect(world.runtime.requests.at(-1)?.params['traceparent']).toBe(`00-${root?.traceId}-${root?.spanId}-01`);
    expect(world.tracing.capture).toPassChecks();
  },
);

test('a message that is to steer and is accepted only after the turn’s end is a turn of who sent it', async () => {
  await session.send('first');
  await take('first');
  answering = () => tell('session.idle');
  await withSession('conv-42', () => session.send({ prompt: 'too late', mode: 'immediate' }));
  await take('too late');
  await tell('session.idle');
  await turns(2);
  expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
});

/** A turn that was aborted with the next one in the queue, and one that came after that. */
const tree = [
  'invoke_agent copilot [session own-1] run.start (error cancelled)',
  'invoke_agent copilot [session own-1] run.start -> previous turn (error cancelled)',
  'invoke_agent copilot [session own-1] run.start -> previous turn',
].join('\n');

test('an abort is of what was sent before it, also where the runtime tells of it after it has accepted the next', async () => {
  await session.send('first');
  await take('first');
  await session.send('queued');
  await session.abort();
  await session.send('after');
  await tell('abort', { reason: 'user' });
  await tell('session.idle', { aborted: true });
  await turns(2);
  await take('after');
  await tell('session.idle');
  await turns(3);
  expect(world.tracing.capture.tree()).toBe(tree);
});

test('an abort of somebody else’s is of all that was accepted by then', async () => {
  await session.send('first');
  await take('first');
  await session.send('queued');
  answering = async () => {
    await tell('abort', { reason: 'user' });
    await tell('session.idle', { aborted: true });
  };
  await session.send('after');
  await take('after');
  await tell('session.idle');
  await turns(3);
  expect(world.tracing.capture.tree()).toBe(tree);
});

test('an abort of work that nobody here asked for is one too', async () => {
  await tell('assistant.turn_start', {});
  await tell('abort', { reason: 'user' });
  await tell('session.idle');
  await turns(1);
  expect(world.tracing.capture.tree()).toBe('invoke_agent copilot [session own-1] run.start (error cancelled)');
});

test('the end of what was at work before is not the end of a message that was sent meanwhile', async () => {
  await session.send('first');
  await tell('assistant.turn_end');
  await tell('session.idle');
  await take('first');
  await tell('session.idle');
  await turns(1);
  await session.disconnect();
  expect(world.tracing.capture.tree()).toBe('invoke_agent copilot [session own-1] run.start');
});

test('a message that the runtime takes up after an abort all the same has not been aborted', async () => {
  await session.send('first');
  await take('first');
  await session.send('second');
  await tell('abort', { reason: 'user' });
  await take('second');
  await turns(1);
  await tell('session.idle');
  await turns(2);
  expect(world.tracing.capture.tree()).toBe(
    [
      'invoke_agent copilot [session own-1] run.start (error cancelled)',
      'invoke_agent copilot [session own-1] run.start -> previous turn',
    ].join('\n'),
  );
});

test('a turn is over when the runtime takes up the next message, though it is not idle, and not with one of its own', async () => {
  await session.send('first');
  await take('first');
  answering = () => tell('user.message', { messageId: 'told by a tool', interactionId: 'first' });
  await session.send('second');
  await take('second');
  await turns(1);
  await tell('session.idle');
  await turns(2);
  expect(world.tracing.capture).toPassChecks();
});

test('a message whose work begins without a word of itself is over when the runtime is idle', async () => {
  await session.send('first');
  await tell('assistant.turn_start', { interactionId: 'first' });
  await tell('session.idle');
  await turns(1);
  expect(world.tracing.capture.tree()).toBe('invoke_agent copilot [session own-1] run.start');
});

test.each([
  [{ interactionId: 'same' }, 1],
  [{}, 1],
  [{ interactionId: 'other' }, 2],
])('work that nobody here asked for goes on with a message of %j in %i turns', async (of, count) => {
  await withSession('conv-42', () => world.client.resumeSession('own-1', world.config));
  await tell('assistant.turn_start', { interactionId: 'same' });
  await tell('user.message', { messageId: 'not ours', ...of });
  await tell('session.idle');
  await turns(count);
  expect(world.tracing.capture).toHaveSession('conv-42', { turns: count });
});

test('a session’s old object does not end the turns of the one that it was resumed as', async () => {
  const resumed = await world.client.resumeSession('own-1', world.config);
  await resumed.send('first');
  await take('first');
  await session.disconnect();
  await tell('session.idle');
  await turns(1);
  expect(world.tracing.capture.tree()).toBe('invoke_agent copilot [session own-1] run.start');
});

test('a session that is deleted and then disconnected ends its turn', async () => {
  await session.send('first');
  await world.client.deleteSession('own-1');
  await session.disconnect();
  expect(world.tracing.capture.tree()).toBe('invoke_agent copilot [session own-1] run.start (error disconnected)');
});
