import type { CallerScope, Millis, Outcome, Remote, RunEvent, RunId, Scope } from '../../adapter.ts';
import type { FlameNative, FlameTask, FlameWatch } from './native.ts';

interface FlameRun {
  readonly session: string;
  task: string | undefined;
  state: string | undefined;
  /** How many streams of its states are open. */
  watches: number;
  /** How the last watch has failed, while nothing was heard of the task since. */
  failure: { readonly code: string; readonly at: Millis } | undefined;
}

/** What is known of one client: the applications of its sessions, and the tasks that are not over. */
export interface FlameState {
  remote: Remote | undefined;
  readonly applications: Map<string, string>;
  readonly runs: Map<RunId, FlameRun>;
  readonly tasks: Map<string, RunId>;
}

/** How many sessions' applications one client remembers; the oldest goes first. */
const MAX_SESSIONS = 1_000;

/** Tasks that nobody asks after stay in the table; the oldest is forgotten. */
const MAX_TASKS = 10_000;

export function start(): FlameState {
  return { remote: undefined, applications: new Map(), runs: new Map(), tasks: new Map() };
}

export function* translate(native: FlameNative, state: FlameState): Iterable<RunEvent> {
  switch (native.kind) {
    case 'frontend': {
      const { address, port } = native;
      state.remote = { address, port };
      return;
    }
    case 'session':
      yield* noteSession(native, state);
      return;
    case 'create':
      yield* begin(native.run, native.session, state, { input: native.input });
      return;
    case 'created':
      yield* noteCreated(native, state);
      return;
    case 'task':
      yield* noteTask(native.task, state);
      return;
    case 'watch':
    case 'watch-over':
    case 'watch-expired':
      yield* noteWatch(native, state);
      return;
    case 'closed':
      for (const [run, known] of state.runs) yield* endUnwatched(run, known, state);
      return;
    case 'place':
      return;
  }
}

/** Where a task's listeners run: in its turn, while it goes on. */
export function scope(native: FlameNative, state: FlameState): Scope | CallerScope | undefined {
  if (native.kind !== 'place' || native.session === undefined || native.task === undefined) return undefined;
  const run = state.tasks.get(keyOf(native.session, native.task));
  if (run !== undefined) return { run };
  return native.caller === undefined ? undefined : { caller: native.caller };
}

/** A task that nobody asks after is remembered no longer than its run. */
export function abandon(run: RunId, state: FlameState): void {
  forget(run, state);
}

function* noteSession(
  { session, application, isClosed }: Extract<FlameNative, { kind: 'session' }>,
  state: FlameState,
): Iterable<RunEvent> {
  const { applications } = state;
  if (application !== undefined) {
    applications.delete(session);
    applications.set(session, application);
    const [oldest] = applications.keys();
    if (applications.size > MAX_SESSIONS && oldest !== undefined) applications.delete(oldest);
  }
  if (!isClosed) return;
  // Nobody will be told of what was still going on.
  for (const [run, known] of state.runs) {
    if (known.session !== session) continue;
    yield* endUnwatched(run, known, state);
    yield* end(run, state, { kind: 'error', type: 'session_closed' });
  }
}

function* noteCreated(
  { run, task, failure, called }: Extract<FlameNative, { kind: 'created' }>,
  state: FlameState,
): Iterable<RunEvent> {
  if (failure !== undefined) yield* end(run, state, failedWith(failure));
  if (!task) return;
  if (called !== undefined) yield* begin(run, task.session, state, { at: called, caller: run });
  const known = state.runs.get(run);
  if (!known) return;
  known.task = task.id;
  state.tasks.set(keyOf(task.session, task.id), run);
  yield* noteTask(task, state);
}

function* begin(
  run: RunId,
  session: string,
  state: FlameState,
  { input, ...rest }: { readonly input?: unknown; readonly at?: number; readonly caller?: string },
): Iterable<RunEvent> {
  const { applications, runs, remote } = state;
  runs.set(run, { session, task: undefined, state: undefined, watches: 0, failure: undefined });
  const [oldest] = runs.keys();
  if (runs.size > MAX_TASKS && oldest !== undefined) forget(oldest, state);
  const agent = applications.get(session) ?? 'flame';
  yield { type: 'run.start', run, agent, provider: 'flame', session, remote, input: () => decode(input), ...rest };
}

function* noteTask(task: FlameTask, state: FlameState): Iterable<RunEvent> {
  const run = state.tasks.get(keyOf(task.session, task.id)) ?? '';
  const known = state.runs.get(run);
  if (!known) return;
  known.failure = undefined;
  if (known.state === task.state) return;
  known.state = task.state;
  yield { type: 'run.state', run, state: task.state };
  const outcome = OUTCOMES[task.state];
  if (outcome) yield* end(run, state, outcome, { output: task.output });
}

/** A watch may fail and its task not: another may be open, or the task be watched again, or asked after. */
function* noteWatch(native: Extract<FlameNative, FlameWatch>, state: FlameState): Iterable<RunEvent> {
  const run = state.tasks.get(keyOf(native.session, native.task)) ?? '';
  const known = state.runs.get(run);
  if (!known) return;
  switch (native.kind) {
    case 'watch':
      known.watches += 1;
      return;
    case 'watch-over':
      known.watches -= 1;
      if (native.failure !== undefined) known.failure = { code: native.failure, at: native.at };
      return;
    case 'watch-expired':
      if (known.failure?.at === native.at) yield* endUnwatched(run, known, state);
      return;
  }
}

/** Of a task whose watch has failed, and that nobody watches any more, nothing else will be told. */
function* endUnwatched(run: RunId, { failure, watches }: FlameRun, state: FlameState): Iterable<RunEvent> {
  if (!failure || watches > 0) return;
  yield* end(run, state, failedWith(failure.code), { at: failure.at });
}

function failedWith(code: string): Outcome {
  return code === 'CANCELLED' ? { kind: 'cancelled' } : { kind: 'error', type: code };
}

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  succeed: { kind: 'ok' },
  failed: { kind: 'error', type: 'task_failed' },
  cancelled: { kind: 'cancelled' },
};

function* end(
  run: RunId,
  state: FlameState,
  outcome: Outcome,
  { at, output }: { readonly at?: Millis; readonly output?: unknown } = {},
): Iterable<RunEvent> {
  if (!forget(run, state)) return;
  yield { type: 'run.end', run, at, outcome, output: () => decode(output) };
}

/** Whether it was known. */
function forget(run: RunId, { runs, tasks }: FlameState): boolean {
  const { session, task } = runs.get(run) ?? {};
  if (session !== undefined && task !== undefined) tasks.delete(keyOf(session, task));
  return runs.delete(run);
}

/** A task's id is unique in its session only. */
function keyOf(session: string, task: string): string {
  return `${session}\n${task}`;
}

/** Flame carries bytes; most are text. */
function decode(value: unknown): unknown {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}
