import { afterEach, beforeEach, expect, test } from 'vitest';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';

const ok = { kind: 'ok' } as const;
let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

const attributesOf = (name: string): Readonly<Record<string, unknown>> | undefined =>
  tracing.capture.spans.find((span) => span.name === name)?.attributes;

test('the first output of a call, and of a run, says how long it took; what comes later changes nothing', () => {
  const at = Date.now() - 60_000;
  const { say } = script();
  say(
    { type: 'run.start', run: 'r', at },
    { type: 'model.start', run: 'r', call: 'm', model: 'gpt', at: at + 1_000 },
    { type: 'model.output', run: 'r', call: 'm', at: at + 1_250 },
    { type: 'model.output', run: 'r', call: 'm', at: at + 1_750 },
    { type: 'model.output', run: 'r', at: at + 2_500 },
    { type: 'model.output', run: 'r', at: at + 3_000 },
    { type: 'model.end', run: 'r', call: 'm', outcome: ok, at: at + 4_000 },
    { type: 'run.end', run: 'r', outcome: ok, at: at + 5_000 },
  );
  expect(attributesOf('chat gpt')).toHaveProperty(['gen_ai.response.time_to_first_chunk'], 0.25);
  expect(attributesOf('invoke_agent scripted')).toHaveProperty(['gen_ai.response.time_to_first_chunk'], 2.5);
});

test('an output before the start of its call took no time, and one of no open call is nobody’s', () => {
  const at = Date.now() - 60_000;
  const { say } = script();
  say(
    { type: 'run.start', run: 'r', at },
    { type: 'model.start', run: 'r', call: 'early', model: 'early', at: at + 1_000 },
    { type: 'model.output', run: 'r', call: 'early', at },
    { type: 'model.start', run: 'r', call: 'late', model: 'late', at: at + 1_000 },
    { type: 'model.end', run: 'r', call: 'late', outcome: ok, at: at + 2_000 },
    { type: 'model.output', run: 'r', call: 'late', at: at + 2_000 },
    { type: 'model.output', run: 'r', call: 'unknown', at: at + 2_000 },
    { type: 'run.end', run: 'r', outcome: ok, at: at + 5_000 },
  );
  expect(attributesOf('chat early')).toHaveProperty(['gen_ai.response.time_to_first_chunk'], 0);
  expect(attributesOf('chat late')).not.toHaveProperty(['gen_ai.response.time_to_first_chunk']);
  expect(attributesOf('invoke_agent scripted')).not.toHaveProperty(['gen_ai.response.time_to_first_chunk']);
  expect(tracing.diagnostics).toEqual([]);
});
