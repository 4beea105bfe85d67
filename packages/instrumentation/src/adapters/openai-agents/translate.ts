import type { CallId, Outcome, RunEvent, RunId, Scope } from '../../adapter.ts';
import type { OpenAIAgentsNative } from './native.ts';

interface OpenAIRun {
  readonly isWorkflow: boolean;
  /** The agent at work. */
  agent: string | undefined;
  /** Its open call, in a workflow. A run of one agent is that agent's call itself. */
  agentCall: CallId | undefined;
  agents: number;
  /** The id is still to come, and if it does not, this is what there is. */
  isSessionLate: boolean;
  readonly group: string | undefined;
}

/** What is known of the runs that are open. */
export interface OpenAIAgentsState {
  readonly runs: Map<RunId, OpenAIRun>;
}

/** Runs whose promise never settles are forgotten, the oldest first. */
const MAX_RUNS = 20_000;

export function start(): OpenAIAgentsState {
  return { runs: new Map() };
}

export function* translate(native: OpenAIAgentsNative, state: OpenAIAgentsState): Iterable<RunEvent> {
  if (native.kind === 'called') {
    yield* begin(native, state);
    return;
  }
  const open = state.runs.get(native.run);
  if (open) yield* translateOpen(native, open, state);
}

/** Model calls and steps run inside their own spans; tools are placed where they are invoked. */
export function scope(native: OpenAIAgentsNative): Scope | undefined {
  return native.kind === 'model' || native.kind === 'step' ? { run: native.run, call: native.call } : undefined;
}

function* begin(native: Extract<OpenAIAgentsNative, { kind: 'called' }>, state: OpenAIAgentsState): Iterable<RunEvent> {
  const { run, agent, workflow, session, group, input, isSessionLate = false } = native;
  state.runs.set(run, {
    isWorkflow: workflow !== undefined,
    agent,
    agentCall: undefined,
    agents: 0,
    isSessionLate,
    group,
  });
  if (state.runs.size > MAX_RUNS) {
    const oldest = state.runs.keys().next();
    if (!oldest.done) state.runs.delete(oldest.value);
  }
  const known = session ?? (isSessionLate ? undefined : group);
  yield { type: 'run.start', run, agent, workflow, session: known, input: () => input };
}

function* translateOpen(
  native: Exclude<OpenAIAgentsNative, { kind: 'called' }>,
  open: OpenAIRun,
  state: OpenAIAgentsState,
): Iterable<RunEvent> {
  const { run } = native;
  switch (native.kind) {
    case 'agent':
      if (!open.isWorkflow && open.agent === native.agent && open.agentCall === undefined) return;
      yield* leave(run, open);
      open.agent = native.agent;
      yield* enter(run, open);
      return;
    case 'handoff':
      yield* leave(run, open);
      open.agent = native.agent;
      return;
    case 'agent-end':
      yield* leave(run, open, { kind: 'ok' }, native.output);
      return;
    case 'tool': {
      if (open.isWorkflow) yield* enter(run, open);
      const { call, callId, tool, input } = native;
      yield { type: 'tool.start', run, call, callId, tool, within: open.agentCall, input: () => input };
      return;
    }
    case 'tool-end':
      yield { type: 'tool.end', run, call: native.call, outcome: native.outcome, output: () => native.output };
      return;
    case 'model': {
      if (open.isWorkflow) yield* enter(run, open);
      const { call, model, provider, input } = native;
      yield { type: 'model.start', run, call, model, provider, within: open.agentCall, input: () => input };
      return;
    }
    case 'model-output':
      yield { type: 'model.output', run, call: native.call };
      return;
    case 'model-end': {
      const { call, outcome, response } = native;
      yield {
        type: 'model.end',
        run,
        call,
        outcome,
        usage: response?.usage,
        model: response?.model,
        response: response?.id,
        finish: response?.finish === undefined ? undefined : [response.finish],
        output: () => response?.output,
      };
      return;
    }
    case 'step': {
      const { call, within, step, name } = native;
      yield { type: 'step.start', run, call, within, step, name };
      return;
    }
    case 'step-end':
      yield { type: 'step.end', run, call: native.call, outcome: native.outcome };
      yield* bind(run, open, native.session);
      return;
    case 'returned':
      yield* end(native, open, state);
      return;
  }
}

/** The agent at work opens its call; where a run goes on from a state, no event of the engine says so. */
function* enter(run: RunId, open: OpenAIRun): Iterable<RunEvent> {
  if (open.agentCall !== undefined || open.agent === undefined) return;
  open.agents += 1;
  open.agentCall = `agent-${open.agents}`;
  yield { type: 'agent.start', run, call: open.agentCall, agent: open.agent };
}

function* leave(run: RunId, open: OpenAIRun, outcome: Outcome = { kind: 'ok' }, output?: unknown): Iterable<RunEvent> {
  const call = open.agentCall;
  if (call === undefined) return;
  open.agentCall = undefined;
  yield { type: 'agent.end', run, call, outcome, output: () => output };
}

function* bind(run: RunId, open: OpenAIRun, session: string | undefined): Iterable<RunEvent> {
  if (!open.isSessionLate || session === undefined) return;
  open.isSessionLate = false;
  yield { type: 'session.bind', run, id: session };
}

function* end(
  native: Extract<OpenAIAgentsNative, { kind: 'returned' }>,
  open: OpenAIRun,
  state: OpenAIAgentsState,
): Iterable<RunEvent> {
  const { run, outcome, output } = native;
  state.runs.delete(run);
  yield* bind(run, open, native.session ?? open.group);
  yield* leave(run, open, outcome);
  if (native.waits) yield { type: 'run.wait', run, reason: 'approval' };
  yield { type: 'run.end', run, outcome, output: () => output };
}
