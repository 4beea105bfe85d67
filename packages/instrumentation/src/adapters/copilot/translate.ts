import type { CallerScope, Outcome, RunEvent, Scope, Usage } from '../../adapter.ts';
import type { CopilotEvent, CopilotNative } from './native.ts';
import { newSession, newTurn, type SessionState, type Turn } from './turn.ts';
import { endHeld, endModel, failedWith, startModel, translateWork } from './work.ts';

/** What is known of one client: its sessions, the one that was quiet longest first. */
export interface CopilotState {
  readonly sessions: Map<string, SessionState>;
}

/** How many sessions one client remembers. */
const MAX_SESSIONS = 1_000;

export function start(): CopilotState {
  return { sessions: new Map() };
}

export function* translate(native: CopilotNative, state: CopilotState): Iterable<RunEvent> {
  switch (native.kind) {
    case 'opened': {
      const session = sessionIn(state, native.session);
      session.provider = native.provider ?? session.provider;
      session.remote = native.remote ?? session.remote;
      return;
    }
    case 'sent':
      yield* send(native, sessionIn(state, native.session));
      return;
    case 'accepted':
      yield* accept(native, sessionIn(state, native.session));
      return;
    case 'event':
      for (const event of translateEvent(native, sessionIn(state, native.session))) {
        yield { ...event, at: event.at ?? native.at };
      }
      return;
    case 'request':
    case 'given':
    case 'refused': {
      const { kind, request, at } = native;
      const run = current(state.sessions.get(native.session))?.run;
      if (run === undefined) return;
      if (kind !== 'request') yield { type: 'run.resume', run, at, wait: request };
      else if (WAITS.has(request)) yield { type: 'run.wait', run, at, reason: request, wait: request };
      if (kind === 'refused') yield { type: 'run.state', run, at, state: 'request_refused', subject: request };
      return;
    }
    case 'abort':
      for (const turn of state.sessions.get(native.session)?.turns ?? []) turn.isDoomed = true;
      return;
    case 'closed':
      yield* close(native.why, state.sessions.get(native.session));
      return;
    case 'place':
      return;
  }
}

/** The requests that a person answers. */
const WAITS: ReadonlySet<string> = new Set(['answer', 'plan', 'mode']);

export function scope(native: CopilotNative, state: CopilotState): Scope | CallerScope | undefined {
  const { session, agent, event }: Placed = native;
  if (session === undefined) return undefined;
  const turn = current(state.sessions.get(session));
  // The connection's loop belongs to whoever opened that: what is in nobody's run belongs to the session's own.
  if (!turn) return { caller: session };
  const { run, tools, agents } = turn;
  const tool = toolOf(event);
  if (tool.call !== undefined && tools.has(tool.call)) return { run, ...tool };
  return agent !== undefined && agents.has(agent) ? { run, call: agent } : { run };
}

interface Placed {
  readonly session?: string | undefined;
  readonly agent?: string | undefined;
  readonly event?: CopilotEvent;
}

/** The tool call that an event is about, if it is one to work in; and the runtime's own span of it. */
function toolOf(event: CopilotEvent | undefined): Omit<Scope, 'run'> {
  if (event?.type === 'tool_request') return { call: event.id, span: event.span };
  return { call: event?.type === 'wait' ? event.tool : undefined };
}

function sessionIn(state: CopilotState, id: string): SessionState {
  const known = state.sessions.get(id);
  const session = known ?? newSession(id);
  state.sessions.delete(id);
  state.sessions.set(id, session);
  if (known === undefined && state.sessions.size > MAX_SESSIONS) {
    const quiet = [...state.sessions].find(([, { turns }]) => turns.length === 0);
    if (quiet) state.sessions.delete(quiet[0]);
  }
  return session;
}

/** The turn that the runtime works on, or will next. */
function current(session: SessionState | undefined): Turn | undefined {
  return session?.turns.find(({ isStarted }) => isStarted);
}

function* send(native: Extract<CopilotNative, { kind: 'sent' }>, session: SessionState): Iterable<RunEvent> {
  const turn = newTurn(native.run);
  const isBusy = session.turns.length > 0;
  session.turns.push(turn);
  // A message that steers belongs to the turn it steers, unless the runtime makes it one of its own.
  if (!(isBusy && native.joins)) yield* begin(turn, native.session, session, { input: native.input });
}

function* accept(native: Extract<CopilotNative, { kind: 'accepted' }>, session: SessionState): Iterable<RunEvent> {
  const turn = session.turns.find(({ run }) => run === native.run);
  if (!turn) return;
  turn.message = native.message;
  if (native.failure !== undefined) yield* end(turn, session, failedWith(native.failure));
}

function* close(why: 'disconnected' | 'create_failed', session: SessionState | undefined): Iterable<RunEvent> {
  if (!session) return;
  const { turns, compactions } = session;
  for (const turn of [...turns, ...compactions.values()]) yield* end(turn, session, failedWith(why));
  compactions.clear();
}

function* translateEvent(native: Extract<CopilotNative, { kind: 'event' }>, session: SessionState): Iterable<RunEvent> {
  const { event, agent } = native;
  const ongoing = current(session);
  switch (event.type) {
    case 'wait':
      if (ongoing) yield { type: 'run.wait', run: ongoing.run, reason: event.reason, wait: event.id };
      return;
    case 'given':
      if (ongoing) yield { type: 'run.resume', run: ongoing.run, wait: event.id };
      return;
    case 'compaction_start':
      yield* compact(native, session);
      return;
    case 'compaction_end':
      yield* endCompaction(agent, session, event);
      return;
    default:
      break;
  }
  if (agent === undefined) {
    switch (event.type) {
      case 'prompt':
        yield* prompt(native, event, session);
        return;
      case 'abort':
        abort(session);
        return;
      case 'idle':
        if (event.wasAborted) abort(session);
        yield* settle(session);
        return;
      case 'error':
        if (ongoing) ongoing.error = event.error;
        return;
      case 'answer':
        if (ongoing) ongoing.answer = event.content;
        return;
      default:
        break;
    }
  }
  const turn = yield* working(native, session);
  if (!turn) return;
  yield* translateWork(event, { turn, session, agent });
}

/** The runtime sums its history up beside the turn that is going on, and often beyond its end: that is a run of its own. */
function* compact(
  { agent, fresh }: Extract<CopilotNative, { kind: 'event' }>,
  session: SessionState,
): Iterable<RunEvent> {
  yield* endCompaction(agent, session, { error: 'unfinished' });
  if (fresh === undefined) return;
  const turn = newTurn(fresh);
  session.compactions.set(agent, turn);
  yield* begin(turn, session.id, session, { caller: session.id, task: 'compact' });
  yield* startModel(session.model, { turn, session, agent: undefined });
}

function* endCompaction(
  agent: string | undefined,
  session: SessionState,
  told: { readonly error?: string | undefined; readonly usage?: Usage; readonly model?: string | undefined },
): Iterable<RunEvent> {
  const turn = session.compactions.get(agent);
  if (!turn) return;
  session.compactions.delete(agent);
  const outcome = failedWith(told.error);
  yield* endModel(turn.open.get(''), { turn, session, agent: undefined }, outcome, told);
  yield* end(turn, session, outcome);
}

/** The runtime begins to work on a message: one that was sent here, or somebody else's. */
function* prompt(
  native: Extract<CopilotNative, { kind: 'event' }>,
  event: Extract<CopilotEvent, { type: 'prompt' }>,
  session: SessionState,
): Iterable<RunEvent> {
  const { turns } = session;
  const { message, interaction } = event;
  const ongoing = turns.find(({ hasBegun }) => hasBegun);
  // What the runtime adds to its work is not what was sent meanwhile, and is not accepted yet.
  const isMore = interaction !== undefined && interaction === ongoing?.interaction;
  const own =
    turns.find((turn) => !turn.hasBegun && turn.message !== undefined && turn.message === message) ??
    turns.find((turn) => !turn.hasBegun && turn.message === undefined && (event.isSteering || !isMore));
  if (event.isSteering) {
    if (own && !own.isStarted) turns.splice(turns.indexOf(own), 1);
    return;
  }
  if (!own && ongoing && (interaction === undefined || isMore)) return;
  const turn = own ?? newTurn(native.fresh ?? native.session);
  turn.wasAborted = false;
  yield* settle(session, turn);
  if (own) turns.splice(turns.indexOf(own), 1);
  turns.unshift(turn);
  turn.interaction = interaction;
  turn.hasBegun = true;
  if (!turn.isStarted) {
    yield* begin(turn, native.session, session, { input: event.content, caller: own ? own.run : native.session });
  }
}

/** The turn that this work belongs to; work that nobody asked for begins one. */
function* working(
  native: Extract<CopilotNative, { kind: 'event' }>,
  session: SessionState,
): Generator<RunEvent, Turn | undefined> {
  const ongoing = current(session);
  if (ongoing) {
    ongoing.hasBegun ||= native.fresh !== undefined;
    return ongoing;
  }
  if (native.fresh === undefined) return undefined;
  const turn = newTurn(native.fresh);
  turn.hasBegun = true;
  if (native.event.type === 'turn_start') turn.interaction = native.event.interaction;
  session.turns.unshift(turn);
  yield* begin(turn, native.session, session, { caller: native.session });
  return turn;
}

/**
 * The runtime has dropped what was at work and what was in its queue. It may say so only after it has accepted the next
 * message: where the program asked for the abort, what it sent before is meant, else what was accepted.
 */
function abort({ turns }: SessionState): void {
  const isOurs = turns.some(({ isDoomed }) => isDoomed);
  for (const turn of turns) {
    turn.wasAborted ||= isOurs ? turn.isDoomed : turn.hasBegun || turn.message !== undefined;
  }
}

/**
 * What has begun is done, and what was aborted is too: the runtime works on one turn at a time, and does not always tell
 * that it is idle in between. With none to come next, what was to steer has steered or never will.
 */
function* settle(session: SessionState, next?: Turn): Iterable<RunEvent> {
  for (const turn of session.turns.slice()) {
    if (turn === next) continue;
    const isStale = !next && !turn.isStarted && turn.message !== undefined;
    if (turn.wasAborted || isStale) yield* end(turn, session, { kind: 'cancelled' });
    else if (turn.hasBegun) yield* end(turn, session, { kind: 'ok' });
  }
}

function* begin(
  turn: Turn,
  id: string,
  { provider, remote }: SessionState,
  { input, caller, task }: { readonly input?: unknown; readonly caller?: string; readonly task?: string },
): Iterable<RunEvent> {
  turn.isStarted = true;
  const { run } = turn;
  yield { type: 'run.start', run, agent: 'copilot', provider, session: id, remote, task, caller, input: () => input };
}

function* end(turn: Turn, session: SessionState, outcome: Outcome): Iterable<RunEvent> {
  const at = session.turns.indexOf(turn);
  if (at >= 0) session.turns.splice(at, 1);
  if (!turn.isStarted) return;
  yield* endHeld(turn, session);
  yield {
    type: 'run.end',
    run: turn.run,
    outcome: outcome.kind === 'ok' ? failedWith(turn.error) : outcome,
    output: () => turn.answer,
  };
}
