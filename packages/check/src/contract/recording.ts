import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Adapter } from '@turnkeeper/instrumentation/adapter';
import { SCENARIO_NAMES, SCENARIOS, type Scenario } from './scenarios.ts';

/** One native signal, and when it came: milliseconds after the first. */
export interface RecordedSignal<Native = unknown> {
  readonly at: number;
  readonly native: Native;
}

/** The first line of a recording: where it is from, and what the engine did. */
export interface RecordingHeader {
  /** The engine's package and the version that was recorded. */
  readonly engine: string;
  readonly version: string;
  /** The session of each run as the engine names it, in the order of their starts. `null`: it names none. */
  readonly sessions: readonly (string | null)[];
  /** How each run ended, in the same order: `ok`, `cancelled`, or the type of its error. */
  readonly outcomes: readonly string[];
  /** Words of the user and the model in the signals: none of them may be in an event but in a thunk. */
  readonly content: readonly string[];
}

export interface Recording<Native = unknown> extends RecordingHeader {
  readonly signals: readonly RecordedSignal<Native>[];
}

/** What an adapter is held to: for each scenario its recording, or in words why its engine cannot do it. */
export interface Repertoire {
  readonly played: ReadonlyMap<Scenario, Recording>;
  readonly impossible: ReadonlyMap<Scenario, string>;
}

/**
 * Reads a folder of recordings: `<scenario>.jsonl` for each that is played, `impossible.json` with a sentence for each
 * that the engine cannot do.
 * @throws Error for a scenario that is neither, a name that is none, and a line that is not JSON.
 */
export function readRepertoire(folder: string): Repertoire {
  const played = new Map<Scenario, Recording>();
  const impossible = new Map<Scenario, string>();
  const declared = readImpossible(join(folder, 'impossible.json'));
  for (const scenario of SCENARIO_NAMES) {
    const file = join(folder, `${scenario}.jsonl`);
    const reason = declared[scenario];
    if (existsSync(file)) played.set(scenario, readRecording(file));
    else if (typeof reason === 'string' && reason.trim() !== '') impossible.set(scenario, reason);
    else {
      throw new Error(
        `There is no recording of the scenario "${scenario}" (${SCENARIOS[scenario]}). Record it from the real engine with recordAdapter, ` +
          `as ${file}; or say in words why the engine cannot do it, under "${scenario}" in impossible.json beside it.`,
      );
    }
  }
  return { played, impossible };
}

function readImpossible(file: string): Readonly<Record<string, unknown>> {
  const declared: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const reasons = isRecord(declared) ? declared : {};
  const unknown = Object.keys(reasons).filter((name) => !(name in SCENARIOS));
  if (unknown.length > 0)
    throw new Error(`${file}: there is no scenario ${unknown.join(', ')}; there are ${SCENARIO_NAMES.join(', ')}.`);
  return reasons;
}

/** Reads one recording: a header line, then a line for each signal. @throws Error with the place for a broken one. */
export function readRecording(file: string): Recording {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const [header, ...signals] = lines.map((line, index): unknown => {
    try {
      return JSON.parse(line);
    } catch {
      throw new Error(`${file}:${index + 1}: this is not JSON. A recording has one JSON object a line.`);
    }
  });
  if (!isHeader(header))
    throw new Error(`${file}:1: the first line must name engine, version, sessions, outcomes and content.`);
  const bad = signals.findIndex((signal) => !isSignal(signal));
  if (bad !== -1) throw new Error(`${file}:${bad + 2}: a signal is an object with "at", a number, and "native".`);
  return { ...header, signals: signals.filter(isSignal) };
}

/** The text of a recording's file. */
export function writeRecording({ signals, ...header }: Recording): string {
  return [header, ...signals].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** An adapter that also hands every native signal to `take`, as plain data with its time: what a recording is made of. */
export function recordAdapter<Target extends object, Native, State>(
  adapter: Adapter<Target, Native, State>,
  take: (signal: RecordedSignal<Native>) => void,
): Adapter<Target, Native, State> {
  let begun: number | undefined;
  return {
    ...adapter,
    *translate(native, state) {
      const now = performance.now();
      begun ??= now;
      const plain: Native = JSON.parse(JSON.stringify(native));
      take({ at: Math.round((now - begun) * 1000) / 1000, native: plain });
      yield* adapter.translate(native, state);
    },
  };
}

function isHeader(value: unknown): value is RecordingHeader {
  return (
    isRecord(value) &&
    typeof value['engine'] === 'string' &&
    typeof value['version'] === 'string' &&
    [value['sessions'], value['outcomes'], value['content']].every(Array.isArray)
  );
}

function isSignal(value: unknown): value is RecordedSignal {
  return isRecord(value) && typeof value['at'] === 'number' && 'native' in value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
