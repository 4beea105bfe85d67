import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import type { ContentOption, ContentPlace } from './content.ts';

const ok = { kind: 'ok' } as const;
let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => {
  vi.unstubAllEnvs();
  tracing[Symbol.dispose]();
});

const CONTENT = [
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
] as const;

/** What was recorded of a run in which everything has this value. */
function record(value: () => unknown, content?: ContentOption): Record<string, unknown>[] {
  const { say } = script(content === undefined ? {} : { content });
  say(
    { type: 'run.start', run: 'r', session: 'own-1', input: value },
    { type: 'model.start', run: 'r', call: 'm', model: 'gpt', input: value },
    { type: 'model.end', run: 'r', call: 'm', outcome: ok, output: value },
    { type: 'tool.start', run: 'r', call: 't', tool: 'look', input: value },
    { type: 'tool.end', run: 'r', call: 't', outcome: ok, output: value },
    { type: 'run.end', run: 'r', outcome: ok, output: value },
  );
  return tracing.capture.spans.map(({ attributes }) =>
    Object.fromEntries(CONTENT.filter((name) => name in attributes).map((name) => [name, attributes[name]])),
  );
}

describe('what people and models say', () => {
  test('is neither recorded nor even looked at by default', () => {
    const look = vi.fn<() => string>(() => 'secret');
    expect(record(look)).toEqual([{}, {}, {}]);
    expect(look).not.toHaveBeenCalled();
  });

  test('is recorded where an option or the conventions’ variable says so; the option wins', () => {
    const all = [
      { 'gen_ai.input.messages': 'words', 'gen_ai.output.messages': 'words' },
      { 'gen_ai.input.messages': 'words', 'gen_ai.output.messages': 'words' },
      { 'gen_ai.tool.call.arguments': 'words', 'gen_ai.tool.call.result': 'words' },
    ];
    expect(record(() => 'words', 'all')).toEqual(all);
    tracing.capture.reset();
    for (const value of ['true', 'TRUE', 'True']) {
      vi.stubEnv('OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT', value);
      expect(record(() => 'words')).toEqual(all);
      tracing.capture.reset();
    }
    expect(record(() => 'words', 'none')).toEqual([{}, {}, {}]);
    vi.stubEnv('OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT', 'yes please');
    tracing.capture.reset();
    expect(record(() => 'words')).toEqual([{}, {}, {}]);
  });

  test('is redacted before it is recorded, and knows where it would go', () => {
    const places: ContentPlace[] = [];
    const recorded = record(
      () => ({ card: '4111', city: 'Oslo' }),
      (value, place) => {
        places.push(place);
        if (place.attribute === 'gen_ai.tool.call.result') return undefined;
        return { ...(value as object), card: '****' };
      },
    );
    expect(recorded[0]).toEqual({
      'gen_ai.input.messages': '{"card":"****","city":"Oslo"}',
      'gen_ai.output.messages': '{"card":"****","city":"Oslo"}',
    });
    expect(recorded[2]).not.toHaveProperty(['gen_ai.tool.call.result']);
    expect(places[0]).toEqual({ attribute: 'gen_ai.input.messages', engine: 'scripted' });
    expect(JSON.stringify(recorded)).not.toContain('4111');
  });

  test('is cut where it is long, after it was redacted', () => {
    const [root] = record(() => 'x'.repeat(20_000), 'all');
    const text = root?.['gen_ai.input.messages'] as string;
    expect(text).toHaveLength(16_384);
    expect(text.endsWith('x…')).toBe(true);
    tracing.capture.reset();
    const [redacted] = record(
      () => 'x'.repeat(20_000),
      () => 'short',
    );
    expect(redacted?.['gen_ai.input.messages']).toBe('short');
    tracing.capture.reset();
    const [emoji] = record(() => '😀'.repeat(20_000), 'all');
    expect(String(emoji?.['gen_ai.input.messages']).isWellFormed()).toBe(true);
  });

  const ring: { self?: unknown } = {};
  ring.self = ring;
  test.each<[string, () => unknown]>([
    ['a ring', () => ring],
    [
      'a getter that throws',
      () => ({
        get secret(): never {
          throw new Error('mine');
        },
      }),
    ],
    [
      'a failure',
      () => {
        throw new Error('mine');
      },
    ],
    ['a bigint', () => 7n],
    ['a function', () => () => {}],
    ['nothing', () => undefined],
    ['null', () => null],
  ])('is left out where it is %s, and the run goes on', (_name, value) => {
    expect(record(value, 'all')).toEqual([{}, {}, {}]);
    expect(tracing.capture.index.runs[0]?.session).toBe('own-1');
    expect(tracing.diagnostics).toEqual([]);
  });

  test('is left out where the redaction fails: nothing leaves unredacted', () => {
    const fail = (): never => {
      throw new Error('redaction');
    };
    expect(record(() => 'secret', fail)).toEqual([{}, {}, {}]);
    expect(JSON.stringify(tracing.capture.spans.map(({ attributes }) => attributes))).not.toContain('secret');
  });

  test('is left out where it is promised, with one warning; a redaction that rejects reaches nobody', () => {
    const reject = async (): Promise<never> => {
      throw new Error('redaction');
    };
    expect(record(() => 'secret', reject)).toEqual([{}, {}, {}]);
    expect(tracing.diagnostics).toEqual([expect.stringContaining('content that is a promise is not recorded')]);
  });

  test('is left out where the host promised it, whose rejection stays the host’s to handle', () => {
    const promise = Promise.resolve('secret');
    const then = vi.spyOn(promise, 'then');
    for (const content of ['all', (value: unknown) => value] as const) {
      expect(record(() => promise, content)).toEqual([{}, {}, {}]);
      tracing.capture.reset();
    }
    expect(then).not.toHaveBeenCalled();
  });
});
