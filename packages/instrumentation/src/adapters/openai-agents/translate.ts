import type { CallId, Outcome, RunEvent, RunId, Scope } from '../../adapter.ts';
import type { OpenAIAgentsNative } from './native.ts';
import { enterRun } from './open-runs.ts';

interface OpenAIRun {
  readonly isWorkflow: boolean;
  /** The agent at work. */
  agent: string | undefined;
  /** Its open call, in a workflow. A run of one agent is that agent's call itself. */
  agentCall: CallId | undefined;
  agents: number;
  /** The steps that are runs of their own, and go on. */
  nested?: Set<CallId>;
  /** The id is still to come, and if it does not, this is what there is. */
  isSessionLate: boolean;
  readonly group: string | undefined;
}

/** What is known of the runs that are open. */
export interface OpenAIAgentsState {
  readonly runs: Map<RunId, OpenAIRun>;
}

export function start(): OpenAIAgentsState {
  return { runs: new Map() };
}

export function translate(native: OpenAIAgentsNative, state: OpenAIAgentsState): readonly RunEvent[] {
  if (native.kind === 'called') return begin(native, state);
  const open = state.runs.get(native.run);
  return open ? translateOpen(native, open, state) : NOTHING;
}

const NOTHING: readonly RunEvent[] = [];

/** Model calls and steps run inside their own spans; tools are placed where they are invoked. */
export function scope(native: OpenAIAgentsNative): Scope | undefined {
  return native.kind === 'model' || native.kind === 'step' ? { run: native.run, call: native.call } : undefined;
}

function begin(native: Extract<OpenAIAgentsNative, { kind: 'called' }>, state: OpenAIAgentsState): readonly RunEvent[] {
  const { run, agent, workflow, session, group, input, isSessionLate = false } = native;
  enterRun(state.runs, run, {
    isWorkflow: workflow !== undefined,
    agent,
    agentCall: undefined,
    agents: 0,
    isSessionLate,
    group,
  });
  const known = session ?? (isSessionLate ? undefined : group);
  return [{ type: 'run.start', run, agent, workflow, session: known, input: () => input }];
}

function translateOpen(
  native: Exclude<OpenAIAgentsNative, { kind: 'called' }>,
  open: OpenAIRun,
  state: OpenAIAgentsState,
): readonly RunEvent[] {
  const { run } = native;
  switch (native.kind) {
    case 'agent': {
      if (!open.isWorkflow && open.agent === native.agent && open.agentCall === undefined) return NOTHING;
      const left = leave(run, open);
      open.agent = native.agent;
      return [...left, ...enter(run, open)];
    }
    case 'handoff': {
      const left = leave(run, open);
      open.agent = native.agent;
      return left;
    }
    case 'agent-end':
      return leave(run, open, { kind: 'ok' }, native.output);
    case 'tool': {
      const entered = open.isWorkflow ? enter(run, open) : NOTHING;
      const { call, callId, tool, input } = native;
      return [...entered, { type: 'tool.start', run, call, callId, tool, within: open.agentCall, input: () => input }];
    }
    case 'tool-end':
      return [{ type: 'tool.end', run, call: native.call, outcome: native.outcome, output: () => native.output }];
    case 'model': {
      const entered = open.isWorkflow ? enter(run, open) : NOTHING;
      const { call, model, provider, input } = native;
      return [
        ...entered,
        { type: 'model.start', run, call, model, provider, within: open.agentCall, input: () => input },
      ];
    }
    case 'model-output':
      return [{ type: 'model.output', run, call: native.call }];
    case 'model-end': {
      const { call, outcome, response } = native;
      return [
        {
          type: 'model.end',
          run,
          call,
          outcome,
          usage: response?.usage,
          model: response?.model,
          response: response?.id,
          finish: response?.finish === undefined ? undefined : [response.finish],
          output: () => response?.output,
        },
      ];
    }
    case 'step': {
      const { call, step, name } = native;
      const isNested = step === 'run';
      if (isNested) (open.nested ??= new Set()).add(call);
      const within = native.within ?? (isNested ? open.agentCall : undefined);
      return [{ type: 'step.start', run, call, within, step, name }];
    }
    case 'step-end':
      open.nested?.delete(native.call);
      return [
        { type: 'step.end', run, call: native.call, outcome: native.outcome },
        ...bind(run, open, native.session),
      ];
    case 'returned':
      return end(native, open, state);
  }
}

/** The agent at work opens its call; where a run goes on from a state, no event of the engine says so. */
function enter(run: RunId, open: OpenAIRun): readonly RunEvent[] {
  if (open.agentCall !== undefined || open.agent === undefined) return NOTHING;
  open.agents += 1;
  open.agentCall = `agent-${open.agents}`;
  return [{ type: 'agent.start', run, call: open.agentCall, agent: open.agent }];
}

function leave(run: RunId, open: OpenAIRun, outcome: Outcome = { kind: 'ok' }, output?: unknown): readonly RunEvent[] {
  const call = open.agentCall;
  if (call === undefined) return NOTHING;
  open.agentCall = undefined;
  return [{ type: 'agent.end', run, call, outcome, output: () => output }];
}

function bind(run: RunId, open: OpenAIRun, session: string | undefined): readonly RunEvent[] {
  if (!open.isSessionLate || session === undefined) return NOTHING;
  open.isSessionLate = false;
  return [{ type: 'session.bind', run, id: session }];
}

function end(
  native: Extract<OpenAIAgentsNative, { kind: 'returned' }>,
  open: OpenAIRun,
  state: OpenAIAgentsState,
): readonly RunEvent[] {
  const { run, outcome, output } = native;
  state.runs.delete(run);
  return [
    ...bind(run, open, native.session ?? open.group),
    // A run that nobody waits for, as in a listener, has not failed.
    ...(open.nested ? Array.from(open.nested, (call) => ({ type: 'step.end', run, call, outcome }) as const) : NOTHING),
    ...leave(run, open, outcome),
    ...(native.waits ? [{ type: 'run.wait', run, reason: 'approval' } as const] : NOTHING),
    { type: 'run.end', run, outcome, output: () => output },
  ];
}
