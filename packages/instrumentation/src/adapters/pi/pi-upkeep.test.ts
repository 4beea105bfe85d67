import type { AgentSession, ExtensionAPI } from '@earendil-works/pi-coding-agent';
import '@turnkeeper/check/vitest';
import type { Answer } from '@turnkeeper/model-server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { startPiWorld, type PiWorld } from '../../testing/pi.ts';

let world: PiWorld;
beforeEach(async () => {
  world = await startPiWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

test('a turn has its own answer and its own end, whatever becomes of the summary that Pi makes behind it', async () => {
  const { session } = await world.open({ contextWindow: 115 }, { content: 'all' });
  await session.prompt('#unsummed');
  expect(session.getLastAssistantText()).toBe('an answer');
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session pi-own] run.start
      chat test-model
      chat test-model (error 400)"
  `);
  await session.prompt('hello');
  const answers = world.tracing.capture.index.runs.map(({ root }) => root.attributes['gen_ai.output.messages']);
  expect(answers).toEqual(['[{"type":"text","text":"an answer"}]', '[{"type":"text","text":"echo: hello"}]']);
});

test('the summary of a branch that is left is upkeep: a root of its own, no turn, no link', async () => {
  const { session, observation } = await world.open();
  for (const text of ['one', 'two']) await withSession('conv-42', () => session.prompt(text));
  const [first] = session.getUserMessagesForForking();
  await withSession('conv-42', () => session.navigateTree(first!.entryId, { summarize: true }));
  await withSession('conv-42', () => session.prompt('three'));
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session conv-42] run.start
      chat test-model
    invoke_agent pi [session conv-42] run.start -> previous turn
      chat test-model
    summarize_branch pi [session conv-42] run.start
      chat test-model
    invoke_agent pi [session conv-42] run.start -> previous turn
      chat test-model"
  `);
  expect(world.tracing.capture).toPassChecks();
  expect(observation.runs().map(({ turn }) => turn)).toEqual([1, 2, undefined, 3]);
});

test('a prompt behind a compaction, and a compaction behind a turn, are roots of their own wherever they are asked for', async () => {
  let isAsked = false;
  const compacting = {
    name: 'compacting',
    factory: (api: ExtensionAPI): void => {
      api.on('turn_end', (_event, pi) => {
        if (!isAsked && session.messages.length > 3) {
          isAsked = true;
          pi.compact({});
        }
      });
    },
  };
  const { session } = await world.open({ extensions: [compacting] });
  await session.bindExtensions({});
  const next = new Promise<void>((resolve, reject) => {
    session.subscribe(({ type }) => {
      if (type === 'compaction_end') session.prompt('three').then(resolve, reject);
    });
  });
  for (const text of ['one', 'two']) await withSession('conv-42', () => session.prompt(text));
  await next;
  // Since 1.0 the turn is not quite over by then, and Pi stops it.
  expect(world.tracing.capture.tree().replace(' (error cancelled)', '')).toMatchInlineSnapshot(`
    "invoke_agent pi [session conv-42] run.start
      chat test-model
    invoke_agent pi [session conv-42] run.start -> previous turn
      chat test-model
    compact pi [session conv-42] run.start
      chat test-model
      chat test-model
    invoke_agent pi [session conv-42] run.start -> previous turn
      chat test-model"
  `);
  expect(world.tracing.capture).toPassChecks();
});

type TranscriptContext = Parameters<AgentSession['agent']['streamFunction']>[1];

/** Asks the session’s model beside its turns. */
async function ask({ agent, model }: AgentSession, content: string, signal?: AbortSignal): Promise<void> {
  const context = { messages: [{ role: 'user', content, timestamp: 0 }] } as TranscriptContext;
  const stream = await agent.streamFunction(model!, context, { apiKey: 'none', ...(signal && { signal }) });
  await stream.result();
}

test('a model call that nobody has asked Pi for is upkeep, and over with it', async () => {
  const { session, observation } = await world.open();
  await withSession('conv-42', () => session.prompt('hello'));
  await withSession('conv-42', () => ask(session, 'a title, please'));
  await withSession('conv-42', () => session.prompt('thanks'));
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session conv-42] run.start
      chat test-model
    upkeep pi [session conv-42] run.start
      chat test-model
    invoke_agent pi [session conv-42] run.start -> previous turn
      chat test-model"
  `);
  expect(world.tracing.capture).toPassChecks();
  expect(observation.runs().map(({ turn }) => turn)).toEqual([1, undefined, 2]);
});

test('upkeep that the provider refuses has failed as its model call has', async () => {
  const { session } = await world.open();
  await ask(session, '#bad');
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "upkeep pi [session pi-own] run.start (error 400)
      chat test-model (error 400)"
  `);
});

test('upkeep that is stopped before it asks is cancelled as its model call is', async () => {
  const { session } = await world.open();
  await ask(session, 'a title, please', AbortSignal.abort());
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "upkeep pi [session pi-own] run.start (error cancelled)
      chat test-model (error cancelled)"
  `);
});

/** Waits until the model has been asked this often more. */
async function untilAsked(times: number): Promise<void> {
  const asked = world.server.requests.length + times;
  await expect.poll(() => world.server.requests.length).toBe(asked);
}

describe('upkeep that is stopped is cancelled:', () => {
  const upkeep = {
    compact: (session: AgentSession) => session.compact(),
    navigateTree: (session: AgentSession) =>
      session.navigateTree(session.getUserMessagesForForking()[0]!.entryId, { summarize: true }),
  };

  const stopped = [
    ['compact', 'abort'],
    ['compact', 'abortCompaction'],
    ['navigateTree', 'abort'],
    ['navigateTree', 'abortBranchSummary'],
  ] as const;

  /** A session with something to sum up. Its model answers like this from here on. */
  async function openTalked(answer: Answer): Promise<AgentSession> {
    const { session } = await world.open({ maxRetries: 1 });
    for (const text of ['one', 'two']) await session.prompt(text);
    world.tracing.capture.reset();
    world.server.script(() => answer);
    return session;
  }

  test.each(stopped)('%s by %s while the model answers, and what it asks in spite of that', async (work, stop) => {
    const session = await openTalked({ text: 'slow', ending: 'never' });
    const working = upkeep[work](session).catch(() => {});
    await untilAsked(1);
    await session[stop]();
    await working;
    const { runs, spans } = world.tracing.capture.index;
    expect(runs).toHaveLength(1);
    expect(new Set(spans.map(({ attributes }) => attributes['error.type']))).toEqual(new Set(['cancelled']));
    expect(world.tracing.capture).toPassChecks();
  });

  test.each(stopped)('%s by %s while it waits to ask again', async (work, stop) => {
    const session = await openTalked({ status: 503, message: 'overloaded' });
    let stopping: unknown;
    session.subscribe(({ type }) => {
      if (type === 'summarization_retry_scheduled') stopping ??= session[stop]();
    });
    await upkeep[work](session).catch(() => {});
    await stopping;
    expect(world.tracing.capture.index.runs.map(({ root }) => root.attributes['error.type'])).toEqual(['cancelled']);
    expect(world.tracing.capture).toPassChecks();
  });
});

test('a compaction cancels the turn at work before it begins, and fails for itself', async () => {
  const { session } = await world.open();
  await session.prompt('one');
  world.server.script(({ lastUserText }) =>
    lastUserText === 'two' ? { text: 'slow', ending: 'never' } : { status: 400, message: 'no such thing' },
  );
  const prompt = session.prompt('two');
  await untilAsked(1);
  await expect(session.compact()).rejects.toThrow('no such thing');
  await prompt;
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session pi-own] run.start
      chat test-model
    invoke_agent pi [session pi-own] run.start -> previous turn (error cancelled)
      chat test-model (error cancelled)
    compact pi [session pi-own] run.start (error Error)
      chat test-model (error 400)"
  `);
});

test('a turn whose summary is stopped ends as its answer did', async () => {
  const { session } = await world.open({ contextWindow: 115 });
  await session.prompt('one');
  world.server.script(['an answer', { text: 'slow', ending: 'never' }]);
  const prompt = session.prompt('two');
  await untilAsked(2);
  session.abortCompaction();
  await prompt;
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session pi-own] run.start
      chat test-model
      chat test-model
    invoke_agent pi [session pi-own] run.start -> previous turn
      chat test-model
      chat test-model (error cancelled)
      chat test-model (error cancelled)"
  `);
  expect(world.tracing.capture).toPassChecks();
});

test('upkeep and a turn at the same time keep what is theirs', async () => {
  const asked: Promise<void>[] = [];
  const waiting = {
    name: 'weather',
    label: 'Weather',
    description: 'Waits for what was asked beside the turn',
    parameters: { type: 'object', properties: {} },
    execute: async () => {
      await Promise.all(asked);
      return { content: [], details: undefined };
    },
  };
  const { session } = await world.open({ tools: [waiting] });
  asked.push(withSession('conv-7', () => ask(session, '#slow')));
  await expect.poll(() => world.server.requests).toHaveLength(1);
  await withSession('conv-42', () => session.prompt('#weather'));
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "upkeep pi [session conv-7] run.start
      chat test-model
    invoke_agent pi [session conv-42] run.start
      chat test-model
      execute_tool weather
      chat test-model"
  `);
});
