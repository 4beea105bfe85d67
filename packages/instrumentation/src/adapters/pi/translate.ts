import type { CallerScope, Outcome, RunEvent, RunId, Scope } from '../../adapter.ts';
import type { PiEvent, PiMessage, PiMethod, PiNative, PiPlace, PiWork } from './native.ts';

interface PiRun {
  readonly via: PiMethod | 'event' | 'model';
  readonly session: string | undefined;
  readonly provider: string | undefined;
  readonly input?: unknown;
  hasBegun: boolean;
  /** Somebody has stopped it: what fails from then on was cancelled, whatever Pi calls it. */
  isAborted: boolean;
  /** The assistant's last message, of upkeep the model's: it says how the run went, for `prompt()` resolves in any case. */
  last: PiMessage | undefined;
}

/** What is known of one session. It works on one turn at a time; upkeep may run beside it. */
export interface PiState {
  readonly runs: Map<RunId, PiRun>;
  /** The runs of open model calls. */
  readonly calls: Map<string, RunId>;
  /** The turn that is going on. */
  current: RunId | undefined;
  /** Whether the agent works: it may go on in the same turn. */
  isAtWork: boolean;
}

export function start(): PiState {
  return { runs: new Map(), calls: new Map(), current: undefined, isAtWork: false };
}

/** Upkeep is no turn of the conversation. */
const TASKS: Partial<Record<PiRun['via'], string>> = {
  compact: 'compact',
  navigateTree: 'summarize_branch',
  model: 'upkeep',
};

export function translate(native: PiNative, state: PiState): readonly RunEvent[] {
  switch (native.kind) {
    case 'called': {
      const { run, via, session, provider, input } = native;
      state.runs.set(run, { via, session, provider, input, hasBegun: false, isAborted: false, last: undefined });
      return NOTHING;
    }
    case 'returned':
      return [
        ...end(
          native.run,
          state,
          native.failure === undefined ? undefined : failed(native.failure, state.runs.get(native.run)?.isAborted),
        ),
        ...endUncalled(state),
      ];
    case 'event':
      return translateEvent(native.place, native.event, state);
    case 'progress':
      return state.current === undefined ? NOTHING : [{ type: 'run.progress', run: state.current }];
    case 'model': {
      const run = ownerOf(native.place, state, 'model');
      if (run === undefined) return NOTHING;
      const begun = begin(run, state);
      state.calls.set(native.call, run);
      const { call, model, provider, input } = native;
      return [...begun, { type: 'model.start', run, call, model, provider, input: () => input }];
    }
    case 'model-output': {
      const run = state.calls.get(native.call);
      return run === undefined ? NOTHING : [{ type: 'model.output', run, call: native.call }];
    }
    case 'model-end':
      return endModel(native, state);
    case 'aborted':
      for (const run of state.runs.values()) run.isAborted ||= isStopped(run, native.work);
      return NOTHING;
    case 'disposed':
      return [...state.runs.keys()].flatMap((run) => end(run, state, { kind: 'cancelled' }));
    default:
      return NOTHING;
  }
}

const NOTHING: readonly RunEvent[] = [];

export function scope(native: PiNative, state: PiState): Scope | CallerScope | undefined {
  if (native.kind === 'deferred') return { caller: native.run };
  if (native.kind === 'model') {
    const run = state.calls.get(native.call);
    return run === undefined ? undefined : { run, call: native.call };
  }
  if (native.kind === 'tool') {
    const run = native.run ?? state.current;
    return run === undefined ? undefined : { run, call: native.id };
  }
  return undefined;
}

function translateEvent(place: PiPlace, event: PiEvent, state: PiState): readonly RunEvent[] {
  switch (event.type) {
    case 'agent_start':
      state.isAtWork = true;
      return begin(ownerOf(place, state, 'event'), state);
    case 'agent_end':
      state.isAtWork = false;
      return endUncalled(state);
    case 'message_end': {
      const run = state.runs.get(ongoing(place, state) ?? '');
      if (run) run.last = event.message;
      return NOTHING;
    }
    case 'tool_execution_start': {
      const run = ongoing(place, state);
      if (run === undefined) return NOTHING;
      const { toolCallId: call, toolName: tool, parentToolCallId: within, args } = event;
      return [{ type: 'tool.start', run, call, callId: call, tool, within, input: () => args }];
    }
    case 'tool_execution_end': {
      const run = ongoing(place, state);
      if (run === undefined) return NOTHING;
      const outcome: Outcome = event.isError ? failed('tool_error', state.runs.get(run)?.isAborted) : { kind: 'ok' };
      return [{ type: 'tool.end', run, call: event.toolCallId, outcome, output: () => event.result }];
    }
    case 'agent_settled': {
      // Pi says so at the end of each call, also of one that it refused because a turn is going on.
      if (state.runs.get(place.run ?? '')?.hasBegun === false) return NOTHING;
      const run = ongoing(place, state);
      return run === undefined ? NOTHING : end(run, state, event.aborted ? { kind: 'cancelled' } : undefined);
    }
    default:
      return NOTHING;
  }
}

/** The turn that an event belongs to: a message queued by `steer` comes in a call of its own, inside the turn. */
function ongoing({ run }: PiPlace, state: PiState): RunId | undefined {
  if (state.current !== undefined) return state.current;
  return run !== undefined && state.runs.get(run)?.hasBegun ? run : undefined;
}

/** The run that shows work here: that of the call it happens in, else the turn going on, else one that nobody called. */
function ownerOf(place: PiPlace, state: PiState, via: 'event' | 'model'): RunId | undefined {
  const { run, fresh, session, provider } = place;
  const called = run === undefined ? undefined : state.runs.get(run);
  if (run !== undefined && called && (state.current === undefined || TASKS[called.via] !== undefined)) return run;
  if (state.current !== undefined || fresh === undefined) return state.current;
  state.runs.set(fresh, { via, session, provider, hasBegun: false, isAborted: false, last: undefined });
  return fresh;
}

function begin(id: RunId | undefined, state: PiState): readonly RunEvent[] {
  const run = id === undefined ? undefined : state.runs.get(id);
  if (id === undefined || !run || run.hasBegun) return NOTHING;
  run.hasBegun = true;
  const task = TASKS[run.via];
  if (task === undefined) state.current = id;
  const { session, provider, input } = run;
  return [{ type: 'run.start', run: id, agent: 'pi', provider, session, task, input: () => input }];
}

function endModel(native: Extract<PiNative, { kind: 'model-end' }>, state: PiState): readonly RunEvent[] {
  const { call, message, failure, isAborted } = native;
  const id = state.calls.get(call);
  if (id === undefined) return NOTHING;
  state.calls.delete(call);
  const run = state.runs.get(id);
  // Upkeep has no messages of its own. What a turn asks beside its own work, such as a summary, is no answer of its.
  if (run && message && TASKS[run.via] !== undefined) run.last = message;
  const wasAborted = isAborted || run?.isAborted;
  const outcome = failure === undefined ? outcomeOf(message, wasAborted) : failed(failure, wasAborted);
  const ended: RunEvent = {
    type: 'model.end',
    run: id,
    call,
    outcome,
    usage: message?.usage,
    model: message?.model,
    response: message?.responseId,
    finish: finishOf(message?.stopReason),
    output: () => message?.content,
  };
  return run?.via === 'model' ? [ended, ...end(id, state, outcome)] : [ended];
}

function end(id: RunId, state: PiState, outcome?: Outcome): readonly RunEvent[] {
  const run = state.runs.get(id);
  if (!run) return NOTHING;
  state.runs.delete(id);
  for (const [call, owner] of state.calls) if (owner === id) state.calls.delete(call);
  if (state.current === id) state.current = undefined;
  if (!run.hasBegun) return NOTHING;
  const ended = outcome ?? outcomeOf(run.last, run.isAborted);
  return [{ type: 'run.end', run: id, outcome: ended, output: () => run.last?.content }];
}

/** A turn that nobody called ends with its agent's work, unless a call that is still open may have started it. */
function endUncalled(state: PiState): readonly RunEvent[] {
  const { current, isAtWork, runs } = state;
  if (current === undefined || isAtWork || runs.get(current)?.via !== 'event' || runs.size > 1) return NOTHING;
  return end(current, state);
}

/**
 * Whether what stops this work stops this run: not one that has yet to begin, for compaction first stops what is at work,
 * and no model call that nobody has asked Pi for.
 */
function isStopped(run: PiRun, work: PiWork | undefined): boolean {
  if (!run.hasBegun || run.via === 'model') return false;
  return work === undefined || work === (TASKS[run.via] === undefined ? 'turn' : run.via);
}

function outcomeOf(message: PiMessage | undefined, isAborted: boolean | undefined): Outcome {
  if (message?.stopReason === 'aborted') return { kind: 'cancelled' };
  return message?.stopReason === 'error' ? failed(errorType(message.errorMessage), isAborted) : { kind: 'ok' };
}

function failed(type: string, isAborted: boolean | undefined): Outcome {
  return isAborted ? { kind: 'cancelled' } : { kind: 'error', type };
}

/** Pi has words only; where they begin with the provider's HTTP status, that is what `error.type` says. */
function errorType(words: string | undefined): string {
  return /^(?:\D{0,60}\()?([45]\d{2})\b/.exec(words ?? '')?.[1] ?? 'provider_error';
}

const FINISH: Readonly<Record<string, string>> = { toolUse: 'tool_call', aborted: 'error' };

function finishOf(stopReason: string | undefined): string[] | undefined {
  return stopReason === undefined ? undefined : [FINISH[stopReason] ?? stopReason];
}
