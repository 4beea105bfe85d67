import type { Adapter } from '@turnkeeper/instrumentation/adapter';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  backInTime,
  growing,
  leaked,
  mixed,
  translateAll,
  unlike,
  unpaired,
  type AnyAdapter,
} from './contract/laws.ts';
import { called, notDetached, notShielded, notTraced, type LiveOptions } from './contract/live.ts';
import { readRepertoire, type RecordedSignal, type Recording, type Repertoire } from './contract/recording.ts';
import { broken } from './contract/replay.ts';
import { SCENARIO_NAMES, SCENARIOS, type Scenario } from './contract/scenarios.ts';

export type { LiveEngine, LiveOptions } from './contract/live.ts';
export { readRecording, readRepertoire, recordAdapter, writeRecording } from './contract/recording.ts';
export type { RecordedSignal, Recording, RecordingHeader, Repertoire } from './contract/recording.ts';
export { SCENARIO_NAMES, SCENARIOS, type Scenario } from './contract/scenarios.ts';

export interface ContractOptions<Target extends object> extends LiveOptions<Target> {
  /** The folder of recordings: see `readRepertoire`. */
  readonly recordings: string;
}

/**
 * The tests that every adapter passes: each scenario is played from a recording of the real engine or declared
 * impossible in words; then the laws of the contract are held to it, on what was recorded, on any loss, repetition and
 * reordering of it, and on the live engine.
 */
export function describeAdapter<Target extends object, Native, State>(
  adapter: Adapter<Target, Native, State>,
  options: ContractOptions<Target>,
): void {
  describe(`the adapter of ${adapter.name} keeps the contract`, () => {
    let repertoire: Repertoire = { played: new Map(), impossible: new Map() };
    let missing: unknown;
    try {
      repertoire = readRepertoire(options.recordings);
    } catch (error) {
      missing = error;
    }
    test('every scenario is recorded from the real engine, or declared impossible in words', () => {
      if (missing !== undefined) throw missing;
      expect(repertoire.played.size + repertoire.impossible.size).toBe(SCENARIO_NAMES.length);
    });

    for (const [scenario, recording] of repertoire.played) {
      describe(`${scenario}: ${SCENARIOS[scenario]}`, () => {
        describeRecording(adapter, scenario, recording, options.provider);
      });
    }

    describe('live', () => {
      test('a turn of the real engine is a run', async () => expect(await notTraced(adapter, options)).toEqual([]));
      test('after detaching it is silent, and the engine is as it was', async () =>
        expect(await notDetached(adapter, options)).toEqual([]));
      test('a consumer that throws never reaches the engine', async () =>
        expect(await notShielded(adapter, options)).toEqual([]));
      test('the engine is never called by observing it', async () =>
        expect(await called(adapter, options)).toEqual([]));
    });
  });
}

function describeRecording(
  adapter: AnyAdapter,
  scenario: Scenario,
  recording: Recording,
  provider: LiveOptions<object>['provider'],
): void {
  const events = () => translateAll(adapter, recording.signals);
  const laws: Record<string, () => string[]> = {
    'starts and ends pair up, and ids are unique': () => unpaired(events()),
    'times never go back': () => backInTime(events()),
    'no content is outside thunks': () => leaked(events(), recording.content),
    'the sessions and the ends are those of the recording': () => unlike(events(), recording),
    'the state is empty after the run': () => growing(adapter, recording.signals),
    ...(scenario === 'side-by-side' && { 'two runs do not mix': () => mixed(events()) }),
  };
  test.each(Object.entries(laws))('%s', (_law, problems) => expect(problems()).toEqual([]));

  test('any loss, repetition, reordering and unknown signal is survived, and every span ends', () => {
    fc.assert(
      fc.property(damaged(recording.signals), (signals) => {
        expect(broken(adapter, signals, provider)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
}

/** Signals with some lost, some repeated, some moved, and some that nobody knows. */
function damaged(signals: readonly RecordedSignal[]): fc.Arbitrary<RecordedSignal[]> {
  const unknown = fc.constantFrom(
    {},
    { kind: 'unheard-of' },
    { type: 'unheard-of', event: null },
    { kind: 'event', event: {} },
  );
  const fate = fc.constantFrom('keep', 'keep', 'keep', 'lose', 'repeat', 'swap', 'unknown');
  const steps = fc.array(fc.record({ fate, native: unknown }), {
    minLength: signals.length,
    maxLength: signals.length,
  });
  return steps.map((given) => {
    const result: RecordedSignal[] = [];
    for (const [index, signal] of signals.entries()) {
      const step = given[index];
      if (step?.fate === 'lose') continue;
      if (step?.fate === 'unknown') result.push({ at: signal.at, native: step.native });
      if (step?.fate === 'swap' && result.length > 0) result.splice(-1, 0, signal);
      else result.push(signal);
      if (step?.fate === 'repeat') result.push(signal);
    }
    return result;
  });
}
