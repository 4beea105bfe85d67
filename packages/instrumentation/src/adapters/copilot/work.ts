import type { Millis, Outcome, RunEvent } from '../../adapter.ts';
import type { CopilotEvent } from './native.ts';
import type { ModelCall, SessionState, Turn } from './turn.ts';

type ModelUsage = Extract<CopilotEvent, { type: 'model_usage' }>;
type ToolEnd = Extract<CopilotEvent, { type: 'tool_end' }>;

/** Where work shows. */
export interface Place {
  readonly turn: Turn;
  readonly session: SessionState;
  /** The sub-agent at work; absent: the session's own agent. */
  readonly agent: string | undefined;
}

/** The calls of a turn: of the model, of tools, and of sub-agents. */
export function* translateWork(event: CopilotEvent, place: Place): Iterable<RunEvent> {
  const { turn, agent } = place;
  const { run } = turn;
  const open = turn.open.get(agent ?? '');
  switch (event.type) {
    case 'model_start':
      yield* startModel(event.model, place);
      return;
    case 'model_output':
      yield open ? { type: 'model.output', run, call: open.call } : { type: 'run.progress', run };
      return;
    case 'model_usage':
      turn.error = agent === undefined ? undefined : turn.error;
      if (open) open.usage = event;
      else if (agent === undefined || turn.agents.has(agent))
        yield* endModel(yield* startModel(event.model, place, event.began), place, { kind: 'ok' }, event);
      return;
    case 'model_failure':
      if (open) open.error = event.error;
      return;
    case 'model_end':
      yield* endModel(open, place, outcomeOf(event.outcome));
      return;
    case 'turn_end':
      yield* endModel(open, place, { kind: turn.wasAborted ? 'cancelled' : 'ok' });
      return;
    case 'tool_start':
    case 'tool_request':
      yield* startTool(event, place);
      return;
    case 'tool_end':
      // The runtime may tell of the tool's end before it tells the rest of the agent that the tool has waited for.
      if ([...turn.agents.values()].includes(event.id)) turn.held.set(event.id, event);
      else yield* endTool(event, turn);
      return;
    case 'agent_start': {
      const { id, agent: name, tool, inBackground } = event;
      // The tool call that starts an agent in the background is over long before the agent.
      const within = inBackground ? undefined : tool;
      turn.agents.set(id, within);
      yield { type: 'agent.start', run, call: id, within, agent: name, provider: place.session.provider };
      return;
    }
    case 'agent_end':
      yield* endAgent(event.id, place, outcomeOf(event.outcome, 'agent_error'));
      return;
    default:
      return;
  }
}

function* endTool({ id, error, output }: ToolEnd, turn: Turn): Iterable<RunEvent> {
  turn.tools.delete(id);
  turn.held.delete(id);
  yield { type: 'tool.end', run: turn.run, call: id, outcome: failedWith(error), output: () => output };
}

function* endAgent(id: string, place: Place, outcome: Outcome): Iterable<RunEvent> {
  const { turn } = place;
  const tool = turn.agents.get(id);
  if (!turn.agents.delete(id)) return;
  yield* endModel(turn.open.get(id), { ...place, agent: id }, { kind: 'cancelled' });
  yield { type: 'agent.end', run: turn.run, call: id, outcome };
  const held = turn.held.get(tool ?? '');
  if (held && ![...turn.agents.values()].includes(held.id)) yield* endTool(held, turn);
}

/** The turn is over: what was waited for will not be told any more. */
export function* endHeld(turn: Turn, session: SessionState): Iterable<RunEvent> {
  for (const held of turn.held.values()) {
    const outcome = failedWith(held.error && 'agent_error');
    for (const [id, tool] of turn.agents) {
      if (tool === held.id) yield* endAgent(id, { turn, session, agent: id }, outcome);
    }
  }
}

export function* startModel(
  model: string | undefined,
  { turn, session, agent }: Place,
  at?: Millis,
): Generator<RunEvent, ModelCall> {
  const lost = turn.open.get(agent ?? '');
  if (lost) yield* endModel(lost, { turn, session, agent }, failedWith('unfinished'));
  turn.models += 1;
  const call: ModelCall = { call: `model-${turn.models}` };
  turn.open.set(agent ?? '', call);
  session.model = model ?? session.model;
  const { provider } = session;
  yield { type: 'model.start', run: turn.run, call: call.call, within: agent, model, provider, at };
  return call;
}

export function* endModel(
  open: ModelCall | undefined,
  { turn, agent }: Place,
  outcome: Outcome,
  told: Partial<ModelUsage> | undefined = open?.usage,
): Iterable<RunEvent> {
  if (!open) return;
  turn.open.delete(agent ?? '');
  const type = open.error;
  yield {
    type: 'model.end',
    run: turn.run,
    call: open.call,
    outcome: type !== undefined && outcome.kind !== 'cancelled' ? { kind: 'error', type } : outcome,
    usage: told?.usage,
    model: told?.model,
    response: told?.response,
    finish: told?.finish === undefined ? undefined : [told.finish === 'tool_calls' ? 'tool_call' : told.finish],
  };
}

/** A request to run a tool names no agent, and may come before the tool's start: the runtime's own session tells whose it is. */
function* startTool(
  event: Extract<CopilotEvent, { type: 'tool_start' | 'tool_request' }>,
  { turn, session, agent }: Place,
): Iterable<RunEvent> {
  const { id, tool, input } = event;
  const owner = event.type === 'tool_request' ? event.owner : turn.asked.get(id);
  if (owner !== undefined && owner !== session.id) {
    if (event.type === 'tool_request') turn.asked.set(id, owner);
    else if (agent !== undefined) turn.owners.set(owner, agent);
  }
  if (turn.tools.has(id)) return;
  turn.tools.add(id);
  const within = event.type === 'tool_request' ? ownerOf(owner, turn, session) : agent;
  yield { type: 'tool.start', run: turn.run, call: id, within, tool, callId: id, input: () => input };
}

/** The sub-agent of a session of the runtime's own: the one it is known for, else the only one at work. */
function ownerOf(owner: string | undefined, turn: Turn, { id }: SessionState): string | undefined {
  if (owner === undefined || owner === id) return undefined;
  const known = turn.owners.get(owner);
  if (known !== undefined && turn.agents.has(known)) return known;
  const [only, ...others] = turn.agents.keys();
  return others.length === 0 ? only : undefined;
}

/** How it ended, with the error that it had, if any. */
export function failedWith(error: string | undefined): Outcome {
  return error === undefined ? { kind: 'ok' } : { kind: 'error', type: error };
}

function outcomeOf(word: string, type = word): Outcome {
  if (word === 'ok' || word === 'success') return { kind: 'ok' };
  return word === 'cancelled' ? { kind: 'cancelled' } : { kind: 'error', type };
}
