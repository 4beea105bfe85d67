import type { Adapter, RunEvent } from '@turnkeeper/instrumentation/adapter';
import type { RecordedSignal, Recording } from './recording.ts';

/** An adapter of any engine. */
export type AnyAdapter = Adapter<object, unknown, unknown>;

/** An event, and when it happened: milliseconds after the first signal. */
export interface TimedEvent {
  readonly event: RunEvent;
  readonly at: number;
}

/** What is dated before this is no time since the epoch, but one of another clock: it would be in the year 1973. */
const LEAST_TIME = 1e11;

/** What an adapter makes of recorded signals. `state` is a fresh one by default. */
export function translateAll(
  adapter: AnyAdapter,
  signals: readonly RecordedSignal[],
  state: unknown = adapter.start({}),
): TimedEvent[] {
  const events = signals.flatMap(({ at, native }) =>
    Array.from(adapter.translate(native, state), (event) => ({ event, received: at })),
  );
  // Adapters date by the epoch, a recording counts from its first signal: nothing happens after it is received.
  const begun = events.reduce(
    (latest, { event: { at = Number.NaN }, received }) => (isTime(at) ? Math.max(latest, at - received) : latest),
    Number.NEGATIVE_INFINITY,
  );
  return events.map(({ event, received }) => {
    const { at = Number.NaN } = event;
    return { event, at: isTime(at) ? at - begun : received };
  });
}

function isTime(at: number): boolean {
  return at >= LEAST_TIME && at < Number.POSITIVE_INFINITY;
}

/**
 * Every start has one end, inside its run and, where it is within a call, while that is open; nothing open starts again;
 * nothing is said of a run that is not open.
 */
export function unpaired(events: readonly TimedEvent[]): string[] {
  const problems: string[] = [];
  const open = new Map<string, Set<string>>();
  const seen = new Set<string>();
  for (const { event } of events) {
    if (event.type === 'session.end') continue;
    const calls = open.get(event.run);
    if (event.type === 'run.start') {
      if (seen.has(event.run)) problems.push(`run ${event.run} starts twice`);
      seen.add(event.run);
      open.set(event.run, new Set());
      continue;
    }
    if (!calls) {
      problems.push(`${event.type} of run ${event.run}, which is not open`);
      continue;
    }
    if (event.type === 'run.end') {
      for (const call of calls) problems.push(`call ${call} of run ${event.run} has no end`);
      open.delete(event.run);
    } else if ('call' in event && event.call !== undefined) {
      if (event.type.endsWith('.start')) {
        if (calls.has(event.call)) problems.push(`call ${event.call} of run ${event.run} starts twice`);
        if ('within' in event && event.within !== undefined && !calls.has(event.within))
          problems.push(`call ${event.call} of run ${event.run} is within call ${event.within}, which is not open`);
        calls.add(event.call);
      } else if (event.type.endsWith('.end') && !calls.delete(event.call)) {
        problems.push(`${event.type} of call ${event.call} in run ${event.run}, which is not open`);
      }
    }
  }
  for (const run of open.keys()) problems.push(`run ${run} has no end`);
  return problems;
}

/** Every time is in milliseconds since the epoch, and within a run it never goes back. */
export function backInTime(events: readonly TimedEvent[]): string[] {
  const last = new Map<string, number>();
  const problems: string[] = [];
  for (const { event, at } of events) {
    if (event.type === 'session.end') continue;
    const before = last.get(event.run) ?? Number.NEGATIVE_INFINITY;
    // An end may be dated back to when it happened, but never before the start of its own run.
    const { at: said = LEAST_TIME } = event;
    if (!isTime(said))
      problems.push(`${event.type} of run ${event.run} has the time ${said}, not milliseconds since the epoch`);
    else if (at < before)
      problems.push(`${event.type} of run ${event.run} is ${(before - at).toFixed(3)} ms before the event ahead of it`);
    last.set(event.run, Math.max(before, at));
  }
  return problems;
}

/** Content is in thunks only: nobody pays for it, and nobody sees it, unless it is asked for. */
export function leaked(events: readonly TimedEvent[], content: readonly string[]): string[] {
  return events.flatMap(({ event }) => {
    const plain = JSON.stringify(event);
    return content
      .filter((words) => plain.includes(JSON.stringify(words).slice(1, -1)))
      .map((words) => `${event.type} says ${JSON.stringify(words)}`);
  });
}

/** What the recording says of its runs is what the adapter makes of them. */
export function unlike(events: readonly TimedEvent[], recording: Recording): string[] {
  const runs = new Map<string, { session: string | null; outcome: string }>();
  for (const { event } of events) {
    if (event.type === 'run.start' && event.task === undefined)
      runs.set(event.run, { session: event.session ?? null, outcome: 'open' });
    if (event.type === 'session.end') continue;
    const run = runs.get(event.run);
    if (!run) continue;
    if (event.type === 'session.bind') run.session ??= event.id ?? null;
    if (event.type === 'run.end')
      run.outcome = event.outcome.kind === 'error' ? event.outcome.type : event.outcome.kind;
  }
  const made = [...runs.values()];
  const sessions = JSON.stringify(made.map(({ session }) => session));
  const outcomes = JSON.stringify(made.map(({ outcome }) => outcome));
  const problems: string[] = [];
  if (sessions !== JSON.stringify(recording.sessions))
    problems.push(`the runs' sessions are ${sessions}, not ${JSON.stringify(recording.sessions)}`);
  if (outcomes !== JSON.stringify(recording.outcomes))
    problems.push(`the runs ended ${outcomes}, not ${JSON.stringify(recording.outcomes)}`);
  return problems;
}

/** Two runs that did the same at the same time have the same events each: what one did is not in the other. */
export function mixed(events: readonly TimedEvent[]): string[] {
  const shapes = new Map<string, string[]>();
  for (const { event } of events) {
    if (event.type === 'session.end') continue;
    const shape = shapes.get(event.run) ?? [];
    shape.push(event.type);
    shapes.set(event.run, shape);
  }
  const distinct = new Set([...shapes.values()].map((shape) => shape.toSorted().join(' ')));
  return shapes.size >= 2 && distinct.size === 1 ? [] : [`the runs are not alike: ${[...distinct].join(' | ')}`];
}

/** What an adapter remembers of a run goes with the run. */
export function growing(adapter: AnyAdapter, signals: readonly RecordedSignal[]): string[] {
  const state = adapter.start({});
  translateAll(adapter, signals, state);
  const once = weigh(state);
  for (let times = 0; times < 5; times++) translateAll(adapter, renamed(signals, times), state);
  const often = weigh(state);
  return often > once ? [`the state holds ${once} entries after one play, ${often} after six`] : [];
}

/** The same again, in runs of other names. */
function renamed(signals: readonly RecordedSignal[], times: number): RecordedSignal[] {
  const text = JSON.stringify(signals).replaceAll(/"run-(\d+)"/g, `"run-${times}-$1"`);
  return JSON.parse(text);
}

/** How much an adapter's state holds: the entries of every map, set and list in it. Weak ones hold nothing. */
function weigh(state: unknown, seen: Set<unknown> = new Set()): number {
  if (typeof state !== 'object' || state === null || seen.has(state)) return 0;
  seen.add(state);
  if (state instanceof Map) return state.size + sum([...state.values()].map((value) => weigh(value, seen)));
  if (state instanceof Set) return state.size;
  if (Array.isArray(state)) return state.length + sum(state.map((value) => weigh(value, seen)));
  return sum(Object.values(state).map((value) => weigh(value, seen)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
