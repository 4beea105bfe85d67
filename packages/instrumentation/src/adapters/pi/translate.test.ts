import { fileURLToPath } from 'node:url';
import { readRecording } from '@turnkeeper/check/contract';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../adapter.ts';
import type { PiNative } from './native.ts';
import { readEvent, readMessage } from './native.ts';
import { start, translate } from './translate.ts';

/** A turn with a tool call of 0.87, as the engine told it. */
const { signals } = readRecording(fileURLToPath(new URL('recordings/tool.jsonl', import.meta.url)));
const natives = signals.map(({ native }) => native as PiNative);

function eventsOf(given: readonly PiNative[]): RunEvent[] {
  const state = start();
  return given.flatMap((native) => [...translate(native, state)]);
}

const isSettled = (native: PiNative): boolean => native.kind === 'event' && native.event.type === 'agent_settled';

test.each([
  ['503 overloaded', '503'],
  ['Error (429): slow down', '429'],
  ['400000 tokens are too many', 'provider_error'],
  [
    'the status was, after so many words that somebody may have said them, at the end of it all (400)',
    'provider_error',
  ],
  [undefined, 'provider_error'],
])('what went wrong is the status that the words begin with: %s', (words, type) => {
  const failed = natives.map((native): PiNative =>
    native.kind === 'event' && native.event.type === 'message_end'
      ? { ...native, event: { type: 'message_end', message: { stopReason: 'error', errorMessage: words } } }
      : native,
  );
  expect(eventsOf(failed).at(-1)).toMatchObject({ type: 'run.end', outcome: { kind: 'error', type } });
});

test.each([
  [{ input: 7 }, { input: 7, output: undefined }],
  [
    { output: 7, cacheRead: 3 },
    { input: undefined, output: 7, cacheRead: 3 },
  ],
  [
    { input: 7, output: 1, cacheRead: 3, cacheWrite: 2 },
    { input: 12, output: 1, cacheRead: 3, cacheWrite: 2 },
  ],
])('cached tokens count as input, and one side of the usage is enough: %j', (usage, read) => {
  expect(readMessage({ usage }).usage).toMatchObject(read);
});

describe('the shapes of other versions', () => {
  test('up to 0.79 nothing settles: the run ends when the call returns', () => {
    const events = eventsOf(natives.filter((native) => !isSettled(native)));
    expect(events.map(({ type }) => type)).toEqual(eventsOf(natives).map(({ type }) => type));
    expect(events.at(-1)).toMatchObject({ type: 'run.end', outcome: { kind: 'ok' } });
  });

  test('up to 0.79 nothing settles: a run that is not known as its caller’s ends when the call returns', () => {
    const place = { fresh: 'fresh' };
    const apart = natives.map((native): PiNative => {
      if (isSettled(native)) return { kind: 'event', place, event: { type: 'agent_end' } };
      return native.kind === 'event' || native.kind === 'model' ? { ...native, place } : native;
    });
    const events = eventsOf([...apart, { kind: 'event', place: { fresh: 'again' }, event: { type: 'agent_start' } }]);
    const isBound = ({ type }: { readonly type: string }): boolean => type === 'run.start' || type === 'run.end';
    expect(events.filter(isBound)).toMatchObject([
      { type: 'run.start', run: 'fresh' },
      { type: 'run.end', run: 'fresh', outcome: { kind: 'ok' } },
      { type: 'run.start', run: 'again' },
    ]);
  });

  test('since 1.5 the settling says whether the user stopped it', () => {
    const aborted = natives.map((native): PiNative =>
      native.kind === 'event' && isSettled(native)
        ? { ...native, event: { type: 'agent_settled', aborted: true } }
        : native,
    );
    expect(eventsOf(aborted).at(-1)).toMatchObject({ type: 'run.end', outcome: { kind: 'cancelled' } });
  });

  test('what is not known of an event or a message is left out', () => {
    expect(readEvent({ type: 'tool_execution_end', toolCallId: 'c', isError: false, durationMs: 7, more: {} })).toEqual(
      {
        type: 'tool_execution_end',
        toolCallId: 'c',
        isError: false,
        result: undefined,
      },
    );
    for (const odd of [
      undefined,
      null,
      7,
      {},
      { type: 'unheard_of' },
      { type: 'tool_execution_start' },
      { type: 'message_end' },
    ]) {
      expect(readEvent(odd)).toBeUndefined();
    }
    expect(readMessage({ model: 'asked', responseModel: 'answered' }).model).toBe('answered');
    expect(readMessage({ usage: { input: Number.NaN, output: 'many' }, stopReason: 7 })).toMatchObject({
      usage: undefined,
      stopReason: undefined,
    });
  });
});
