import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wrapMethod, type RunEvent } from '@turnkeeper/instrumentation/adapter';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { backInTime, growing, leaked, mixed, translateAll, unlike, unpaired } from './contract/laws.ts';
import { called, notDetached, notShielded, notTraced } from './contract/live.ts';
import { readRecording, readRepertoire, recordAdapter, writeRecording, type Recording } from './contract/recording.ts';
import { broken } from './contract/replay.ts';
import { SCENARIO_NAMES } from './contract/scenarios.ts';
import {
  openSample,
  provider,
  sample,
  sampleSignals,
  SampleEngine,
  type SampleAdapter,
} from './testing/sample-engine.ts';

const recording: Recording = {
  engine: 'sample',
  version: '1',
  sessions: ['sample-1'],
  outcomes: ['ok'],
  content: ['a secret question'],
  signals: sampleSignals,
};
const options = { provider, live: openSample };

/** The sample adapter with its events changed. */
function changed(change: (events: RunEvent[]) => Iterable<RunEvent>): SampleAdapter {
  return { ...sample, translate: (native, state) => change([...sample.translate(native, state)]) };
}

/** The sample adapter with some of its events dated by itself. */
const dating = (times: Partial<Record<RunEvent['type'], number>>): SampleAdapter =>
  changed((events) => events.map((event) => ({ ...event, ...(event.type in times && { at: times[event.type] }) })));
const begun = 1_790_000_000_000;

const dropped = (type: RunEvent['type']): SampleAdapter =>
  changed((events) => events.filter((event) => event.type !== type));
const eventsOf = (adapter: SampleAdapter) => translateAll(adapter, sampleSignals);

describe('a good adapter', () => {
  test('breaks no law', async () => {
    const events = eventsOf(sample);
    expect([
      ...unpaired(events),
      ...backInTime(events),
      ...leaked(events, recording.content),
      ...unlike(events, recording),
    ]).toEqual([]);
    expect([...growing(sample, sampleSignals), ...broken(sample, sampleSignals, provider)]).toEqual([]);
    expect(await notTraced(sample, options)).toEqual([]);
    expect(await notDetached(sample, options)).toEqual([]);
    expect(await notShielded(sample, options)).toEqual([]);
    expect(await called(sample, { ...options, mayCall: ['on'] })).toEqual([]);
  });
});

test('a good adapter may date some events, and leave the time of others to the core', () => {
  expect(backInTime(eventsOf(dating({ 'tool.end': begun })))).toEqual([]);
  expect(backInTime(eventsOf(dating({ 'run.start': begun, 'tool.end': begun + 2 })))).toEqual([]);
});

describe('a seeded defect is caught:', () => {
  test('a run without an end', () => expect(unpaired(eventsOf(dropped('run.end')))).toEqual(['run run-1 has no end']));
  test('a call without an end', () =>
    expect(unpaired(eventsOf(dropped('tool.end')))).toEqual(['call call-1 of run run-1 has no end']));
  test('an end without a start', () =>
    expect(unpaired(eventsOf(dropped('tool.start')))).toEqual([
      'tool.end of call call-1 in run run-1, which is not open',
    ]));
  test('events before the run', () => expect(unpaired(eventsOf(dropped('run.start'))).length).toBeGreaterThan(0));
  test('an id that is used twice', () => {
    const twice = changed((events) =>
      events.flatMap((event): RunEvent[] => (event.type === 'tool.start' ? [event, event] : [event])),
    );
    expect(unpaired(eventsOf(twice))).toEqual(['call call-1 of run run-1 starts twice']);
  });
  test('a time that goes back', () => {
    const back = dating({ 'tool.start': begun + 1, 'tool.end': begun - 3 });
    expect(backInTime(eventsOf(back))).toEqual(['tool.end of run run-1 is 4.000 ms before the event ahead of it']);
  });
  test.each([1, 12_345.678, begun / 1000, Number.NaN, Number.POSITIVE_INFINITY])('the time %d', (at) => {
    expect(backInTime(eventsOf(dating({ 'tool.end': at })))).toEqual([
      `tool.end of run run-1 has the time ${at}, not milliseconds since the epoch`,
    ]);
  });
  test('a call within one that is not open', () => {
    const lost = changed((events) =>
      events.map((event) => (event.type === 'tool.start' ? { ...event, within: 'nobody' } : event)),
    );
    expect(unpaired(eventsOf(lost))).toEqual(['call call-1 of run run-1 is within call nobody, which is not open']);
  });
  test('content outside a thunk', () => {
    const telling = changed((events) =>
      events.map((event) => (event.type === 'run.start' ? { ...event, agent: 'a secret question' } : event)),
    );
    expect(leaked(eventsOf(telling), recording.content)).toEqual(['run.start says "a secret question"']);
  });
  test('another session than the engine’s', () => {
    const other = changed((events) =>
      events.map((event) => (event.type === 'run.start' ? { ...event, session: 'x' } : event)),
    );
    expect(unlike(eventsOf(other), recording)).toEqual(['the runs\' sessions are ["x"], not ["sample-1"]']);
  });
  test('a failure that looks like a success', () => {
    expect(unlike(eventsOf(sample), { ...recording, outcomes: ['400'] })).toEqual([
      'the runs ended ["ok"], not ["400"]',
    ]);
  });
  test('runs that mix', () => {
    const second = sampleSignals.map(({ at, native }) => ({ at, native: { ...(native as object), run: 'run-2' } }));
    const both = [...sampleSignals, ...second];
    expect(mixed(translateAll(sample, both))).toEqual([]);
    const mixing = changed(
      (events) =>
        events.map((event) => (event.type.startsWith('tool') ? { ...event, run: 'run-1' } : event)) as RunEvent[],
    );
    expect(mixed(translateAll(mixing, both))).toHaveLength(1);
  });
  test('a state that grows', () => {
    const hoarding: SampleAdapter = {
      ...sample,
      translate: (native, state) => {
        state.open.add(`${native.run}/${native.kind}`);
        return sample.translate(native, state);
      },
    };
    expect(growing(hoarding, sampleSignals)).toHaveLength(1);
  });
  test('a translate that throws on what it does not know', () => {
    const strict: SampleAdapter = {
      ...sample,
      translate: (native, state) => {
        if (native.kind === 'unheard-of') throw new Error('unheard of');
        return sample.translate(native, state);
      },
    };
    expect(broken(strict, [{ at: 0, native: { kind: 'unheard-of' } }], provider)).toHaveLength(1);
  });
  test('an adapter that hears nothing', async () => {
    expect(await notTraced({ ...sample, attach: () => () => {} }, options)).toEqual([
      'a turn of the engine left no run',
    ]);
  });
  test.each(['start', 'attach', 'translate'] as const)(
    'an adapter that hears nothing, for its %s throws',
    async (name) => {
      const failing: SampleAdapter = {
        ...sample,
        [name]: () => {
          throw new Error('a mistake');
        },
      };
      expect(await notTraced(failing, options)).toEqual([
        `a turn of the engine left no run: ${name} threw Error: a mistake`,
      ]);
    },
  );
  test('a hook that stays on a class', async () => {
    const before = Object.getOwnPropertyDescriptor(SampleEngine.prototype, 'ask')!;
    const clinging: SampleAdapter = {
      ...sample,
      attach: (engine, tap) => {
        wrapMethod(SampleEngine.prototype, 'ask', (proceed, args) => proceed(...args));
        return sample.attach(engine, tap);
      },
    };
    try {
      expect(await notDetached(clinging, options)).toEqual(['ask of the target’s class is not as it was']);
    } finally {
      Object.defineProperty(SampleEngine.prototype, 'ask', before);
    }
  });
  test('an adapter that goes on listening, and leaves its hook behind', async () => {
    const clinging: SampleAdapter = { ...sample, attach: (engine, tap) => (sample.attach(engine, tap), () => {}) };
    expect(await notDetached(clinging, options)).toEqual(['ask of the target is not as it was']);
  });
  test('an exception that reaches the engine', async () => {
    const unguarded: SampleAdapter = {
      ...sample,
      attach: (engine, tap) => {
        const off = engine.on((event) => {
          tap.deliver(event);
          throw new Error('in the listener');
        });
        return off;
      },
    };
    expect(await notShielded(unguarded, options)).toHaveLength(1);
  });
  test('a call of the engine', async () => {
    const curious: SampleAdapter = {
      ...sample,
      attach: (engine, tap) => (engine.history(), sample.attach(engine, tap)),
    };
    expect(await called(curious, { ...options, mayCall: ['on'] })).toEqual([
      'history was called 1 times, 0 without observing',
    ]);
  });
  test('a call of what the engine inherits', async () => {
    class Derived extends SampleEngine {}
    const live = async () => {
      const target = new Derived();
      return { target, turn: () => target.ask('anything'), [Symbol.asyncDispose]: () => Promise.resolve() };
    };
    const curious: SampleAdapter = {
      ...sample,
      attach: (engine, tap) => (engine.history(), sample.attach(engine, tap)),
    };
    expect(await called(sample, { provider, live, mayCall: ['on'] })).toEqual([]);
    expect(await called(curious, { provider, live, mayCall: ['on'] })).toEqual([
      'history was called 1 times, 0 without observing',
    ]);
  });
});

describe('recordings', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'turnkeeper-recordings-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('are written and read again as they were, with what an adapter heard', async () => {
    const heard: unknown[] = [];
    const recorder = recordAdapter(sample, ({ native }) => heard.push(native));
    for (const { native } of sampleSignals)
      expect([...recorder.translate(native as never, sample.start({} as never))].length).toBe(1);
    expect(heard).toEqual(sampleSignals.map(({ native }) => native));
    const file = join(folder, 'turn.jsonl');
    await writeFile(file, writeRecording(recording));
    expect(readRecording(file)).toEqual(recording);
  });

  test('that are missing say what to do next', () => {
    expect(() => readRepertoire(folder)).toThrow(
      /no recording of the scenario "turn".*Record it.*turn\.jsonl.*impossible\.json/,
    );
  });

  test('can be declared impossible in words, and in words only', async () => {
    const reasons = Object.fromEntries(SCENARIO_NAMES.map((name) => [name, 'it has no such thing']));
    await writeFile(join(folder, 'impossible.json'), JSON.stringify(reasons));
    expect(readRepertoire(folder).impossible.size).toBe(SCENARIO_NAMES.length);
    await writeFile(join(folder, 'impossible.json'), JSON.stringify({ ...reasons, wait: '' }));
    expect(() => readRepertoire(folder)).toThrow(/"wait"/);
    await writeFile(join(folder, 'impossible.json'), JSON.stringify({ ...reasons, juggle: 'never' }));
    expect(() => readRepertoire(folder)).toThrow(/there is no scenario juggle/);
  });

  test('that are broken are named with their line', async () => {
    const file = join(folder, 'turn.jsonl');
    await writeFile(file, `${writeRecording(recording)}{"at":\n`);
    expect(() => readRecording(file)).toThrow(/turn\.jsonl:6: this is not JSON/);
    await writeFile(file, '{}\n');
    expect(() => readRecording(file)).toThrow(/turn\.jsonl:1: the first line must name/);
  });
});
