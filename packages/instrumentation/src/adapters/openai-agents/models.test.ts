import { getEventListeners } from 'node:events';
import { Agent, OpenAIResponsesModel, Runner, retryPolicies, Usage, type Model } from '@openai/agents';
import { assistantMessage, modelError, modelResponse, ScriptedModel } from '@openai/agents/testing';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { startOpenAIWorld, weather, type OpenAIWorld } from '../../testing/openai-agents.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const agent = new Agent({ name: 'Guide', tools: [weather] });
const chats = () => world.tracing.capture.spans.filter(({ name }) => name.startsWith('chat'));

describe('a model call', () => {
  test('goes to a mock of the model’s class, also on a model that has answered before', async () => {
    await world.engine.runner.run(agent, 'hello');
    const answer = { usage: new Usage(), output: [assistantMessage('mocked')] };
    vi.spyOn(OpenAIResponsesModel.prototype, 'getResponse').mockResolvedValue(answer);
    const { finalOutput } = await world.engine.runner.run(agent, 'hello').finally(() => vi.restoreAllMocks());
    expect(finalOutput).toBe('mocked');
    expect(world.server.requests).toHaveLength(1);
    expect(chats()).toHaveLength(2);
  });

  test.each(['responses', 'chat'] as const)(
    'over %s says what was asked, who answered, and what it cost',
    async (api) => {
      await world[Symbol.asyncDispose]();
      world = await startOpenAIWorld({ api });
      world.server.script([
        {
          toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }],
          usage: { input: 50, output: 7, cached: 30, reasoning: 3 },
        },
        { text: 'rain', model: 'test-model-2026', usage: { input: 60, output: 8, cached: 40, reasoning: 0 } },
      ]);
      await withSession('conv-42', () => world.engine.runner.run(agent, 'hello'));
      expect(chats().map(({ attributes }) => attributes)).toMatchObject([
        {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': 'test-model',
          'gen_ai.response.model': 'test-model',
          'gen_ai.response.finish_reasons': ['tool_call'],
          'gen_ai.usage.input_tokens': 50,
          'gen_ai.usage.output_tokens': 7,
          'gen_ai.usage.cache_read.input_tokens': 30,
          'gen_ai.usage.reasoning.output_tokens': 3,
          'session.id': 'conv-42',
          'gen_ai.conversation.id': 'conv-42',
        },
        {
          'gen_ai.response.model': 'test-model-2026',
          'gen_ai.response.finish_reasons': ['stop'],
          'gen_ai.usage.input_tokens': 60,
        },
      ]);
      expect(chats().every(({ attributes }) => typeof attributes['gen_ai.response.id'] === 'string')).toBe(true);
      expect(world.tracing.capture.index.runs[0]?.root.attributes).toMatchObject({
        'gen_ai.usage.input_tokens': 110,
        'gen_ai.usage.output_tokens': 15,
      });
      expect(world.tracing.capture).toPassChecks();
    },
  );

  test('that ran out of tokens says so over Chat Completions, and fails over Responses', async () => {
    await expect(world.engine.runner.run(agent, '#length')).rejects.toThrow('response.incomplete');
    expect(chats()[0]?.attributes['error.type']).toBe('ModelBehaviorError');
    await world[Symbol.asyncDispose]();
    world = await startOpenAIWorld({ api: 'chat' });
    await world.engine.runner.run(agent, '#length');
    expect(chats()[0]?.attributes['gen_ai.response.finish_reasons']).toEqual(['length']);
  });

  test.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
  ])('that ended for %s says so where the SDK lets it pass, as up to 0.17 over Responses', async (reason, finish) => {
    const providerData = { status: 'incomplete', incomplete_details: { reason } };
    const model = new ScriptedModel([
      modelResponse({ output: [assistantMessage('too long')], usage: new Usage(), providerData }),
    ]);
    await new Runner().run(new Agent({ name: 'Guide', model }), 'hello');
    expect(chats()[0]?.attributes['gen_ai.response.finish_reasons']).toEqual([finish]);
  });

  test('of a model of the application’s own is one too, with what it tells', async () => {
    const model = new ScriptedModel([[assistantMessage('hello')]]);
    await withSession('conv-42', () => new Runner().run(new Agent({ name: 'Guide', model }), 'hello'));
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat"
    `);
    expect(chats()[0]?.attributes).not.toHaveProperty('gen_ai.usage.input_tokens');
  });

  test('whose model tells its output only has no input that nobody told of', async () => {
    const usage = new Usage({ outputTokens: 7 });
    const model = new ScriptedModel([modelResponse({ output: [assistantMessage('hello')], usage })]);
    await new Runner().run(new Agent({ name: 'Guide', model }), 'hello');
    expect(chats()[0]?.attributes).toMatchObject({ 'gen_ai.usage.output_tokens': 7 });
    expect(chats()[0]?.attributes).not.toHaveProperty('gen_ai.usage.input_tokens');
  });

  test('of the runner’s model is seen, and that of an agent that is handed over to', async () => {
    const billing = new Agent({ name: 'Billing', model: new ScriptedModel([[assistantMessage('paid')]]) });
    const first = new ScriptedModel([
      [{ type: 'function_call', name: 'transfer_to_Billing', callId: 'c1', arguments: '{}', status: 'completed' }],
    ]);
    const runner = new Runner({ model: first });
    await withSession('conv-42', () => runner.run(new Agent({ name: 'Triage', handoffs: [billing] }), 'hello'));
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_workflow Triage [session conv-42] run.start
        invoke_agent Triage
          chat
        invoke_agent Billing
          chat"
    `);
  });

  test('of a model that decorates another is one, not two', async () => {
    const inner = new ScriptedModel([[assistantMessage('one')], [assistantMessage('two')]]);
    const decorated: Model = {
      getResponse: (request) => inner.getResponse(request),
      getStreamedResponse: (request) => inner.getStreamedResponse(request),
    };
    await withSession('conv-42', () => new Runner().run(new Agent({ name: 'Inner', model: inner }), 'hello'));
    await withSession('conv-42', () => new Runner().run(new Agent({ name: 'Outer', model: decorated }), 'hello'));
    expect(chats()).toHaveLength(2);
  });

  test.each([
    ['a model', (model: Model) => ({ model: Object.freeze(model) })],
    ['a provider', (model: Model) => ({ modelProvider: Object.freeze({ getModel: () => model }) })],
  ])('of %s that is frozen is not seen, which is said once', async (_what, configure) => {
    const runner = new Runner(configure(new ScriptedModel([[assistantMessage('one')], [assistantMessage('two')]])));
    const answers = [
      await runner.run(new Agent({ name: 'Guide' }), 'a'),
      await runner.run(new Agent({ name: 'Guide' }), 'b'),
    ];
    expect(answers.map(({ finalOutput }) => finalOutput)).toEqual(['one', 'two']);
    expect(chats()).toEqual([]);
    expect(world.tracing.diagnostics).toEqual([
      'turnkeeper: openai-agents: a model, or its provider, is frozen: its calls are not traced; ' +
        'pass one that is not, or an object around it that hands calls on',
    ]);
  });

  test('is hooked once, however many runners share the provider', async () => {
    const { provider } = world.engine;
    for (let index = 0; index < 50; index++) {
      await new Runner({ modelProvider: provider, model: 'test-model' }).run(new Agent({ name: 'Guide' }), 'hello');
    }
    expect(chats()).toHaveLength(50);
    world.observation.stop();
    expect(Object.hasOwn(provider, 'getModel')).toBe(false);
  });

  test('that the provider refuses is an error by its status, on the call and on the run', async () => {
    await expect(withSession('conv-42', () => world.engine.runner.run(agent, '#bad'))).rejects.toThrow('no such thing');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error 400)
        chat test-model (error 400)"
    `);
  });

  test('that is tried again by the SDK is a call for each time, in one turn', async () => {
    const patient = agent.clone({
      modelSettings: {
        retry: { maxRetries: 2, backoff: { initialDelayMs: 1 }, policy: retryPolicies.httpStatus([503]) },
      },
    });
    const result = await withSession('conv-42', () => world.engine.runner.run(patient, '#overloaded'));
    expect(result.finalOutput).toBe('better now');
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 1 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat test-model (error 503)
        chat test-model"
    `);
  });

  test('that fails in a way of its own keeps its error as it is', async () => {
    const failure = new TypeError('out of tune');
    const model = new ScriptedModel([modelError(failure), modelResponse([assistantMessage('hi')])]);
    const run = new Runner().run(new Agent({ name: 'Guide', model }), 'hello');
    expect(await run.catch((error: unknown) => error)).toBe(failure);
    expect(chats()[0]?.attributes['error.type']).toBe('TypeError');
  });

  test('that throws before it promises anything is closed, and its error kept', async () => {
    const model: Model = {
      getResponse: () => {
        throw new RangeError('at once');
      },
      getStreamedResponse: () => {
        throw new RangeError('at once');
      },
    };
    const one = new Agent({ name: 'Guide', model });
    await expect(new Runner().run(one, 'hello')).rejects.toThrow('at once');
    await expect((await new Runner().run(one, 'hello', { stream: true })).completed).rejects.toThrow('at once');
    expect(world.tracing.capture).toPassChecks({ except: ['every-span-stamped'] });
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [no session] run.start (error RangeError)
        chat [no session] (error RangeError)
      invoke_agent Guide [no session] run.start (error RangeError)
        chat [no session] (error RangeError)"
    `);
  });

  test('has the HTTP spans of its request below it, streamed or not', async () => {
    const undici = new UndiciInstrumentation();
    const unregister = registerInstrumentations({ instrumentations: [undici], tracerProvider: world.tracing.provider });
    try {
      await withSession('conv-42', () => world.engine.runner.run(agent, 'hello'));
      const stream = await withSession('conv-42', () => world.engine.runner.run(agent, 'hello', { stream: true }));
      for await (const _event of stream);
      await stream.completed;
      expect(world.tracing.capture).toPassChecks();
      expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
        "invoke_agent Guide [session conv-42] run.start
          chat test-model
            POST
        invoke_agent Guide [session conv-42] run.start -> previous turn
          chat test-model
            POST"
      `);
    } finally {
      unregister();
      undici.disable();
    }
  });
});

describe('a turn that is aborted', () => {
  test('is cancelled, its model call too, and leaves no listener behind', async () => {
    const controller = new AbortController();
    const run = withSession('conv-42', () => world.engine.runner.run(agent, '#never', { signal: controller.signal }));
    const failed = run.catch((error: unknown) => error);
    await expect.poll(() => world.server.requests).toHaveLength(1);
    controller.abort();
    expect(String(await failed)).toContain('aborted');
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error cancelled)
        chat test-model (error cancelled)"
    `);
  });

  test('because the model took too long is an error by its name', async () => {
    const hasty = agent.clone({ modelSettings: { timeoutMs: 50 } });
    await expect(withSession('conv-42', () => world.engine.runner.run(hasty, '#never'))).rejects.toThrow('timed out');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error ModelTimeoutError)
        chat test-model (error ModelTimeoutError)"
    `);
  });

  test('by too many turns is an error by its name', async () => {
    world.server.script({ toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] });
    await expect(world.engine.runner.run(agent, 'hello', { maxTurns: 2 })).rejects.toThrow('Max turns (2) exceeded');
    expect(world.tracing.capture.index.runs[0]?.root.attributes['error.type']).toBe('MaxTurnsExceededError');
  });

  test('before it works, for a mistake in its options, is one span with the mistake’s name', async () => {
    const wrong = agent.clone({ modelSettings: { timeoutMs: -1 } });
    await expect(withSession('conv-42', () => world.engine.runner.run(wrong, 'hello'))).rejects.toThrow('timeout');
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(
      `"invoke_agent Guide [session conv-42] run.start (error UserError)"`,
    );
  });
});
