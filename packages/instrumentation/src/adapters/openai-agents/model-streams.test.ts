import {
  Agent,
  Runner,
  tool,
  type Model,
  type ModelRequest,
  type ModelResponse,
  type StreamEvent,
} from '@openai/agents';
import { assistantMessage, functionCall, ScriptedModel } from '@openai/agents/testing';
import { trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { observe } from '../../observe.ts';
import { withSession } from '../../session/active-session.ts';
import { traceService } from '../../trace-service.ts';
import { approvalOptions, startOpenAIWorld, weather, type OpenAIWorld } from '../../testing/openai-agents.ts';
import { openaiAgents } from './index.ts';

let world: OpenAIWorld;
beforeEach(async () => {
  world = await startOpenAIWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const agent = new Agent({ name: 'Guide', tools: [weather] });
const chats = () => world.tracing.capture.spans.filter(({ name }) => name.startsWith('chat'));

describe('a stream', () => {
  const streamed = (text: string, options: { signal?: AbortSignal } = {}) =>
    withSession('conv-42', () => world.engine.runner.run(agent, text, { stream: true, ...options }));

  test('ends its turn when it is complete, read to its end or not at all', async () => {
    const read = await streamed('#weather');
    for await (const _event of read);
    const unread = await streamed('#weather');
    await unread.completed;
    expect(unread.finalOutput).toBe('rain for conv-42');
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model
      invoke_agent Guide [session conv-42] run.start -> previous turn
        chat test-model
        execute_tool weather
          SELECT weather
        chat test-model"
    `);
  });

  test('says when its first piece arrived, and what it cost', async () => {
    const stream = await streamed('#long');
    await stream.completed;
    const { attributes, start, end } = chats()[0]!;
    expect(attributes).toMatchObject({ 'gen_ai.usage.input_tokens': 100, 'gen_ai.response.model': 'test-model' });
    expect(attributes['gen_ai.response.time_to_first_chunk']).toBeGreaterThan(0);
    expect(attributes['gen_ai.response.time_to_first_chunk']).toBeLessThan(Number(end - start) / 1e9);
  });

  test('that is aborted is cancelled, its model call too', async () => {
    const controller = new AbortController();
    const stream = await streamed('#never', { signal: controller.signal });
    await expect.poll(() => world.server.requests).toHaveLength(1);
    controller.abort();
    await stream.completed;
    expect(stream.cancelled).toBe(true);
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error cancelled)
        chat test-model (error cancelled)"
    `);
  });

  test.each([
    ['responses', 'its user stops', 'cancelled', undefined],
    ['chat', 'its user stops', 'cancelled', undefined],
    ['responses', 'runs out of time', 'TimeoutError', new DOMException('Timed out', 'TimeoutError')],
    ['chat', 'runs out of time', 'TimeoutError', new DOMException('Timed out', 'TimeoutError')],
  ] as const)('of %s that %s half-way says so, its model call too', async (api, _how, type, reason) => {
    const { runner } = openOpenAIAgents({ url: world.server.url, api });
    const controller = new AbortController();
    const { signal } = controller;
    const stream = await withSession('conv-42', () => runner.run(agent, '#long', { stream: true, signal }));
    for await (const event of stream) {
      if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') controller.abort(reason);
    }
    await stream.completed;
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree().split('\n')).toEqual([
      `invoke_agent Guide [session conv-42] run.start (error ${type})`,
      `  chat test-model (error ${type})`,
    ]);
  });

  test('of a traced service that a model hands on says what it cost', async () => {
    const service = traceService(await world.engine.provider.getModel('test-model'), { name: 'service' });
    const model: Model = {
      getResponse: (request) => service.getResponse(request),
      getStreamedResponse: (request) => service.getStreamedResponse(request),
    };
    const runner = new Runner({ tracingDisabled: true });
    const stream = await withSession('conv-42', () =>
      runner.run(new Agent({ name: 'Guide', model }), '#long', { stream: true }),
    );
    await stream.completed;
    expect(world.tracing.diagnostics).toEqual([]);
    expect(chats()[0]!.attributes).toMatchObject({ 'gen_ai.usage.input_tokens': 100 });
    expect(world.tracing.capture).toPassChecks();
  });

  test('that nobody reads on is cancelled, and leaks its context to nobody', async () => {
    const stream = await streamed('#long');
    for await (const event of stream) if (event.type === 'raw_model_stream_event') break;
    await stream.completed;
    const after = trace.getTracer('test').startSpan('after');
    after.end();
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error cancelled)
        chat test-model (error cancelled)
      after"
    `);
  });

  test('that never ends and that nobody reads is closed as abandoned', async () => {
    world.observation.stop();
    const observation = observe(openaiAgents, Runner, { idleTimeoutMillis: 500 });
    const controller = new AbortController();
    const stream = await streamed('#never', { signal: controller.signal });
    await expect.poll(() => world.tracing.capture.spans.length).toBe(2);
    controller.abort();
    await stream.completed;
    observation.stop();
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error abandoned)
        chat test-model (error abandoned)"
    `);
  });

  test('that waits for a person ends its turn, and is gone on with in the next', async () => {
    const lookup = tool({ ...approvalOptions, execute: async () => 'rain' });
    const patient = new Agent({ name: 'Guide', tools: [lookup] });
    const first = await withSession('conv-42', () => world.engine.runner.run(patient, '#weather', { stream: true }));
    await first.completed;
    first.state.approve(first.interruptions[0]!);
    const second = await withSession('conv-42', () => world.engine.runner.run(patient, first.state, { stream: true }));
    await second.completed;
    expect(second.finalOutput).toBe('rain');
    expect(world.tracing.capture).toHaveSession('conv-42', { turns: 2 });
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat test-model
      invoke_agent Guide [session conv-42] run.start -> previous turn
        execute_tool weather
        chat test-model"
    `);
  });

  test('that breaks is an error, told to whoever reads it', async () => {
    const stream = await streamed('#cut');
    await expect(
      (async () => {
        for await (const _event of stream);
      })(),
    ).rejects.toThrow('terminated');
    await expect(stream.completed).rejects.toThrow('terminated');
    expect(world.tracing.capture).toPassChecks();
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start (error TypeError)
        chat test-model (error TypeError)"
    `);
  });

  test('hands on every event of a model of the application’s own, in its order and as it is', async () => {
    const events: StreamEvent[] = [
      { type: 'response_started' },
      { type: 'output_text_delta', delta: 'hi' },
      {
        type: 'response_done',
        response: {
          id: 'r1',
          usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 },
          output: [assistantMessage('hi')],
        },
      },
    ];
    const model: Model = {
      getResponse: async (_request: ModelRequest): Promise<ModelResponse> => {
        throw new Error('not streamed');
      },
      async *getStreamedResponse() {
        yield* events;
      },
    };
    const seen: unknown[] = [];
    const stream = await new Runner().run(new Agent({ name: 'Guide', model }), 'hello', { stream: true });
    for await (const event of stream) if (event.type === 'raw_model_stream_event') seen.push(event.data);
    expect(seen).toEqual(events);
    expect(stream.finalOutput).toBe('hi');
  });
});

describe('a stream that a tool takes from the model itself', () => {
  const done: StreamEvent = {
    type: 'response_done',
    response: { id: 'r1', usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 }, output: [] },
  };

  /** Works in the database between its events. */
  async function* generate(): AsyncGenerator<StreamEvent> {
    for (const event of [{ type: 'response_started' } as const, done]) {
      trace.getTracer('database').startSpan('SELECT').end();
      yield event;
    }
  }

  /** Runs a turn whose tool uses what the model's `getStreamedResponse` gives. */
  async function use<Stream extends AsyncIterable<StreamEvent>>(
    give: () => Stream,
    work: (stream: Stream) => Promise<unknown>,
  ): Promise<void> {
    const model = new (class extends ScriptedModel {
      override getStreamedResponse(): Stream {
        return give();
      }
    })([[functionCall('read', {}, { callId: 'a' })], [assistantMessage('done')]]);
    const read = tool({
      name: 'read',
      description: 'Reads',
      parameters: z.object({}),
      execute: async () => {
        await work(model.getStreamedResponse());
        return 'read';
      },
      errorFunction: null,
    });
    await withSession('conv-42', () => new Runner().run(new Agent({ name: 'Guide', model, tools: [read] }), 'hello'));
    expect(world.tracing.capture).toPassChecks();
  }

  test('is the generator that the model gave, and followed step by step', async () => {
    const stream = generate();
    await use(
      () => stream,
      async (given) => {
        expect(given).toBe(stream);
        expect(await given.next()).toEqual({ value: { type: 'response_started' }, done: false });
        expect(await given.next()).toEqual({ value: done, done: false });
        expect(await given.next()).toEqual({ value: undefined, done: true });
      },
    );
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat
        execute_tool read
        chat
          SELECT
          SELECT
        chat"
    `);
    expect(chats()[1]?.attributes['gen_ai.response.id']).toBe('r1');
  });

  test('is cancelled where the tool returns from it', async () => {
    await use(generate, async (given) => {
      await given.next();
      expect(await given.return('left')).toEqual({ value: 'left', done: true });
    });
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat
        execute_tool read
        chat (error cancelled)
          SELECT
        chat"
    `);
  });

  test('is an error where the tool throws into it, unless the generator goes on', async () => {
    await use(generate, async (given) => {
      await given.next();
      await expect(given.throw(new RangeError('enough'))).rejects.toThrow('enough');
    });
    const stubborn = async function* (): AsyncGenerator<StreamEvent> {
      try {
        yield { type: 'response_started' };
      } catch {
        yield done;
      }
    };
    await use(stubborn, async (given) => {
      await given.next();
      expect(await given.throw(new RangeError('enough'))).toEqual({ value: done, done: false });
      await given.next();
    });
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat
        execute_tool read
        chat (error RangeError)
          SELECT
        chat
      invoke_agent Guide [session conv-42] run.start -> previous turn
        chat
        execute_tool read
        chat
        chat"
    `);
  });

  test('keeps what else it has, where it is no generator', async () => {
    const stream = { controller: 'abort', [Symbol.asyncIterator]: generate };
    await use(
      () => stream,
      async (given) => {
        expect(given).toBe(stream);
        for await (const _event of given);
      },
    );
    expect(Object.keys(stream)).toEqual(['controller']);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat
        execute_tool read
        chat
          SELECT
          SELECT
        chat"
    `);
  });

  test('is given as it is where it is frozen', async () => {
    const stream = Object.freeze({ [Symbol.asyncIterator]: generate });
    const events: StreamEvent[] = [];
    await use(
      () => stream,
      async (given) => {
        expect(given).toBe(stream);
        for await (const event of given) events.push(event);
      },
    );
    expect(events).toHaveLength(2);
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent Guide [session conv-42] run.start
        chat
        execute_tool read
          SELECT
          SELECT
        chat
        chat"
    `);
    expect(world.tracing.diagnostics).toMatchInlineSnapshot(`
      [
        "turnkeeper: openai-agents: a stream is frozen, or was given before: it is not traced; give a new one",
      ]
    `);
  });
});
