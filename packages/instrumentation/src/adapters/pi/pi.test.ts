import { AgentSession } from '@earendil-works/pi-coding-agent';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { ParentBasedSampler, SamplingDecision } from '@opentelemetry/sdk-trace-base';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import { withSession } from '../../session/active-session.ts';
import { attachSession, SessionContext, sessionContext } from '../../session/session-context.ts';
import { startPiWorld, type PiWorld } from '../../testing/pi.ts';
import { pi } from './index.ts';

let world: PiWorld;
beforeEach(async () => {
  world = await startPiWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

describe('a conversation', () => {
  test('of three turns with a tool is on the platform’s id, whatever Pi calls it', async () => {
    const { session } = await world.open();
    for (const text of ['hello', '#weather in Oslo', 'thanks']) {
      await withSession('conv-42', () => session.prompt(text));
    }
    const { capture } = world.tracing;
    expect(session.getLastAssistantText()).toBe('echo: thanks');
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toStampEverySpan();
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model"
    `);
  });

  test('says on its root span who won, and what Pi calls it', async () => {
    const { session } = await world.open();
    await withSession('conv-42', () => session.prompt('hello'));
    const root = world.tracing.capture.index.runs[0]?.root;
    expect(root?.attributes).toMatchObject({
      'session.id': 'conv-42',
      'gen_ai.conversation.id': 'conv-42',
      'turnkeeper.session.source': 'context',
      'turnkeeper.engine.name': 'pi',
      'turnkeeper.engine.session.id': 'pi-own',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
    });
    expect(root?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
      [
        'run.start',
        {
          'session.id': 'conv-42',
          'gen_ai.conversation.id': 'conv-42',
          'turnkeeper.session.source': 'context',
          'turnkeeper.engine.name': 'pi',
          'turnkeeper.engine.session.id': 'pi-own',
        },
      ],
    ]);
  });

  test('interleaved with another keeps every span on its own id: a, b, a', async () => {
    const { session: a } = await world.open({ id: 'pi-a' });
    const { session: b } = await world.open({ id: 'pi-b' });
    await withSession('conv-a', () => a.prompt('#weather'));
    await withSession('conv-b', () => b.prompt('#weather'));
    await withSession('conv-a', () => a.prompt('#weather'));
    const { capture } = world.tracing;
    expect(capture).toHaveSession('conv-a', { turns: 2 });
    expect(capture).toHaveSession('conv-b', { turns: 1 });
    expect(capture).toKeepSessionsApart();
    expect(capture).toPassChecks();
    expect(a.getLastAssistantText()).toBe('rain for conv-a');
    expect(b.getLastAssistantText()).toBe('rain for conv-b');
  });

  test('beside four others at the same time keeps every span on its own id', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const pilots = await Promise.all(names.map((name) => world.open({ id: `pi-${name}` })));
    await Promise.all(
      pilots.map(async ({ session }, index) => {
        for (let turn = 0; turn < 3; turn++)
          await withSession(`conv-${names[index]}`, () => session.prompt('#weather'));
      }),
    );
    const { capture } = world.tracing;
    for (const name of names) expect(capture).toHaveSession(`conv-${name}`, { turns: 3 });
    expect(capture).toPassChecks();
    expect(pilots.map(({ session }) => session.getLastAssistantText())).toEqual(
      names.map((name) => `rain for conv-${name}`),
    );
  });
});

describe('the id', () => {
  test('of an option beats that of the context', async () => {
    const { session } = await world.open({}, { session: 'explicit-1' });
    await withSession('conv-42', () => session.prompt('hello'));
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session explicit-1] run.start
        chat test-model"
    `);
    expect(world.tracing.capture.index.runs[0]?.root.attributes['turnkeeper.session.source']).toBe('explicit');
  });

  test.each([undefined, '', '   '])('that is blank (%j) falls back to Pi’s', async (blank) => {
    const { session } = await world.open({}, blank === undefined ? {} : { session: blank });
    await withSession(blank ?? '', () => session.prompt('hello'));
    expect(world.tracing.capture).toHaveSession('pi-own', { turns: 1 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.diagnostics).toEqual([]);
    const { attributes } = world.tracing.capture.index.runs[0]!.root;
    expect(attributes['turnkeeper.session.source']).toBe('engine');
    expect(attributes).not.toHaveProperty('turnkeeper.engine.session.id');
  });

  test('that is bad falls back to Pi’s, with one warning, and the work runs', async () => {
    const { session } = await world.open({}, { session: 'x'.repeat(129) });
    await session.prompt('hello');
    await session.prompt('again');
    expect(world.tracing.capture).toHaveSession('pi-own', { turns: 2 });
    expect(world.tracing.diagnostics).toEqual([
      'turnkeeper: pi: the explicit session id is ignored: it is longer than 128 characters',
    ]);
  });

  test('that nobody gives leaves the attributes out', async () => {
    const { session } = await world.open();
    Object.defineProperty(session, 'sessionId', { get: () => undefined });
    await session.prompt('#weather');
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [no session] run.start
        chat test-model [no session]
        execute_tool weather [no session]
          SELECT weather [no session]
        chat test-model [no session]"
    `);
    for (const { attributes } of world.tracing.capture.spans) {
      expect(Object.keys(attributes).filter((key) => /session|conversation/.test(key))).toEqual([]);
    }
  });

  test('that nobody gives is generated where that is asked for, but never for the conversation', async () => {
    const { session } = await world.open({}, { fallback: 'generate' });
    Object.defineProperty(session, 'sessionId', { get: () => undefined });
    await session.prompt('#weather');
    const { capture } = world.tracing;
    // The tool's own span had ended before anybody knew that no id would come.
    expect(capture.spans.map(({ name }) => name)).toContain('SELECT weather');
    expect(capture).toStampEverySpan();
    expect(capture).toPassChecks();
    expect(capture.index.runs[0]?.root.attributes['session.id']).toMatch(/^[0-9a-f-]{36}$/);
    for (const { attributes } of capture.spans) expect(attributes).not.toHaveProperty('gen_ai.conversation.id');
  });

  test('is the one at the start of the run, also after a fork in memory renames the old session object', async () => {
    const { session, runtime } = await world.open();
    await session.prompt('hello');
    const entry = session.getUserMessagesForForking()[0]!;
    await runtime.fork(entry.entryId);
    const forked = runtime.session;
    observe(pi, forked);
    expect(forked.sessionId).not.toBe('pi-own');
    await forked.prompt('in the fork');
    const { capture } = world.tracing;
    expect(capture).toHaveSession('pi-own', { turns: 1 });
    expect(capture).toHaveSession(forked.sessionId, { turns: 1 });
    expect(capture).toPassChecks();
  });

  test.each([
    ['the session', (session: AgentSession) => session],
    ['its agent', (session: AgentSession) => session.agent],
  ])('of a context attached to %s beats that of the caller', async (_name, owner) => {
    const { session } = await world.open();
    attachSession(owner(session), new SessionContext({ sessionId: 'attached-1', applicationName: 'shop' }));
    await withSession('conv-42', () => session.prompt('#weather'));
    const { capture } = world.tracing;
    expect(capture).toHaveSession('attached-1', { turns: 1 });
    expect(capture).toPassChecks();
    expect(capture.index.runs[0]?.root.attributes).toMatchObject({
      'turnkeeper.session.source': 'attached',
      'turnkeeper.session.application': 'shop',
    });
  });

  test('of a context attached to the class of the session is that of all its sessions', async () => {
    attachSession(AgentSession, new SessionContext({ sessionId: 'attached-1' }));
    try {
      for (const id of ['pi-a', 'pi-b']) await (await world.open({ id })).session.prompt('hello');
    } finally {
      Reflect.deleteProperty(AgentSession, sessionContext);
    }
    expect(world.tracing.capture).toHaveSession('attached-1', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
  });

  test('of a platform goes on over a new session of Pi’s', async () => {
    const { session, runtime } = await world.open();
    await withSession('conv-42', () => session.prompt('hello'));
    await runtime.newSession();
    const next = runtime.session;
    observe(pi, next);
    await withSession('conv-42', () => next.prompt('again'));
    const { capture } = world.tracing;
    expect(next.sessionId).not.toBe('pi-own');
    expect(capture).toHaveSession('conv-42', { turns: 2 });
    expect(capture).toPassChecks();
    expect(capture.index.runs.map(({ root }) => root.attributes['turnkeeper.engine.session.id'])).toEqual([
      'pi-own',
      next.sessionId,
    ]);
  });
});

test('a turn that is not sampled leaves no span, and still has its session, its number and its headers', async () => {
  await world[Symbol.asyncDispose]();
  let decision = SamplingDecision.NOT_RECORD;
  const root = { shouldSample: () => ({ decision }), toString: () => 'as it is told' };
  world = await startPiWorld({ sampler: new ParentBasedSampler({ root }) });
  const { session, observation } = await world.open({ api: 'openai-responses' });
  await withSession('conv-42', () => session.prompt('#weather'));
  expect(session.getLastAssistantText()).toBe('rain for conv-42');
  expect(world.tracing.capture.spans).toEqual([]);
  const [unsampled] = observation.runs();
  expect(unsampled).toMatchObject({ session: { id: 'conv-42', source: 'context' }, turn: 1 });
  expect(world.server.requests.map(({ headers }) => headers['traceparent'])).toEqual([
    `00-${unsampled?.traceId}-${unsampled?.spanId}-00`,
    `00-${unsampled?.traceId}-${unsampled?.spanId}-00`,
  ]);

  decision = SamplingDecision.RECORD_AND_SAMPLED;
  await withSession('conv-42', () => session.prompt('#weather'));
  expect(observation.runs()[1]?.turn).toBe(2);
  expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent pi [session conv-42] run.start -> previous turn (absent)
      chat test-model
      execute_tool weather
        SELECT weather
      chat test-model"
  `);
});

describe('around and below', () => {
  test('the HTTP span of a model call is a child of its chat span, and the provider gets one traceparent', async () => {
    const undici = new UndiciInstrumentation();
    undici.enable();
    try {
      const { session } = await world.open();
      await withSession('conv-42', () => session.prompt('#weather'));
    } finally {
      undici.disable();
    }
    const { capture } = world.tracing;
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
          POST
        execute_tool weather
          SELECT weather
        chat test-model
          POST"
    `);
    expect(capture).toStampEverySpan();
    const http = capture.spans.filter(({ name }) => name === 'POST');
    expect(world.server.requests.map(({ headers }) => headers['traceparent'])).toEqual(
      http.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`),
    );
  });

  test('without an HTTP instrumentation the provider gets the chat span’s traceparent, and no baggage', async () => {
    const { session } = await world.open({ api: 'openai-responses' });
    await withSession('conv-42', () => session.prompt('hello'));
    const { capture } = world.tracing;
    const chat = capture.spans.find(({ name }) => name === 'chat test-model')!;
    expect(world.server.requests[0]?.headers).toMatchObject({ traceparent: `00-${chat.traceId}-${chat.spanId}-01` });
    expect(world.server.requests[0]?.headers).not.toHaveProperty('baggage');
  });

  test('a caller’s span is above the run and is stamped, once, with the session entered inside it', async () => {
    const { session } = await world.open();
    await world.tracing.tracer.startActiveSpan('POST /chat', async (span) => {
      await withSession('conv-42', () => session.prompt('hello'));
      span.end();
    });
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "POST /chat [session conv-42]
        invoke_agent pi run.start
          chat test-model"
    `);
  });

  test('spans of the user’s own listeners are in the run', async () => {
    const { session } = await world.open();
    session.subscribe((event) => {
      if (event.type === 'turn_end') world.tracing.tracer.startSpan('listener').end();
    });
    await withSession('conv-42', () => session.prompt('hello'));
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
        listener"
    `);
  });

  test('a nested session inside a tool is a run below it, on the same id, and no turn of its own', async () => {
    const inner = await world.open({ id: 'pi-inner' });
    const helper = {
      name: 'helper',
      label: 'Helper',
      description: 'Asks another agent',
      parameters: { type: 'object', properties: {} },
      execute: async () => {
        await inner.session.prompt('inner question');
        return { content: [{ type: 'text' as const, text: 'asked' }], details: undefined };
      },
    };
    const { session, observation } = await world.open({ tools: [helper] });
    await withSession('conv-42', () => session.prompt('#helper'));
    await withSession('conv-42', () => session.prompt('thanks'));
    const { capture } = world.tracing;
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
        execute_tool helper
          invoke_agent pi run.start
            chat test-model
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model"
    `);
    expect(capture).toPassChecks();
    expect(capture).toHaveSession('conv-42', { turns: 2 });
    expect(observation.runs().map(({ turn }) => turn)).toEqual([1, 2]);
    expect(inner.observation.runs().map(({ turn, session: { source } }) => [turn, source])).toEqual([
      [undefined, 'context'],
    ]);
  });
});
