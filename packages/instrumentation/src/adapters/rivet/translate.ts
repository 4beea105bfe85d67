import type { Millis, RunEvent, RunId, Scope } from '../../adapter.ts';
import {
  closeTools,
  endTurn,
  startTurn,
  translateUpdate,
  type AcpAnswer,
  type AcpTurn,
  type AcpUpdate,
} from '../acp-protocol.ts';
import type { ConnectionId, RivetNative } from './native.ts';

interface RivetTurn extends AcpTurn {
  /** The local id: stable, perhaps the caller's own. */
  readonly session: string;
  readonly input: unknown;
  connection?: ConnectionId;
  /** The agent's id of the session: a new one with every resume. */
  agentSession?: string | undefined;
  /** The prompt's id on the wire. */
  request?: string;
  hasBegun: boolean;
  settled?: { readonly at: Millis; readonly answer: AcpAnswer };
  isFenced: boolean;
  /** When its HTTP request was over: the turn lasts at least as long. */
  deliveredAt?: Millis;
  /** The permissions that are waited for, by their ids on the wire. */
  readonly asked: Set<string>;
}

/** What is known of one client: its turns that are not over, oldest first. */
export interface RivetState {
  readonly turns: Map<RunId, RivetTurn>;
  /** Whether responses are seen to come a second time, by connection. */
  readonly fences: Map<ConnectionId, boolean>;
}

/** Turns that an agent never answers stay in the table; the oldest is forgotten. */
const MAX_TURNS = 10_000;

export function start(): RivetState {
  return { turns: new Map(), fences: new Map() };
}

export function* translate(native: RivetNative, state: RivetState): Iterable<RunEvent> {
  switch (native.kind) {
    case 'called':
      remember(native, state);
      return;
    case 'bound': {
      const turn = state.turns.get(native.run);
      if (!turn || turn.hasBegun) return;
      turn.connection = native.connection;
      turn.agentSession = native.agentSession;
      yield* begin(turn, native);
      return;
    }
    case 'sent': {
      const turn = find(state, (one) => one.request === undefined && isOf(one, native));
      if (!turn) return;
      turn.request = native.request;
      turn.agentSession = native.agentSession;
      return;
    }
    case 'update': {
      const turn = speaking(native, state);
      if (!turn) return;
      for (const event of translateUpdate(turn, native.update)) {
        // The agent has said this before it answered, however late it comes.
        yield turn.settled ? { ...event, at: turn.settled.at } : event;
      }
      return;
    }
    case 'asked': {
      const turn = speaking(native, state);
      if (!turn) return;
      turn.asked.add(native.request);
      yield { type: 'run.wait', run: turn.run, reason: 'permission', wait: native.request };
      return;
    }
    case 'answered': {
      const turn = asking(native, state);
      if (turn?.asked.delete(native.request)) yield { type: 'run.resume', run: turn.run, wait: native.request };
      return;
    }
    case 'fence': {
      const turn = sent(native, state);
      if (!turn) return;
      turn.isFenced = true;
      state.fences.set(native.connection, true);
      yield* endIfDone(turn, state);
      return;
    }
    case 'delivered': {
      const turn = sent(native, state);
      if (!turn) return;
      turn.deliveredAt = native.at;
      yield* endIfDone(turn, state);
      return;
    }
    case 'settled':
      yield* settle(native, state);
      return;
    case 'expired': {
      const turn = state.turns.get(native.run);
      if (!turn?.settled) return;
      if (turn.connection !== undefined && !state.fences.has(turn.connection)) state.fences.set(turn.connection, false);
      yield* closeTools(turn, turn.settled.answer);
      yield* end(turn, state, turn.settled);
      return;
    }
    case 'gone':
      for (const turn of state.turns.values()) {
        if (turn.connection !== native.connection) continue;
        if (turn.settled) yield* closeTools(turn, turn.settled.answer);
        yield* end(turn, state, turn.settled ?? { answer: native });
      }
      return;
    case 'posted':
    case 'responded':
    case 'asking':
      return;
  }
}

/** Everything on a connection that no turn explains belongs nowhere: it comes in the context of whoever opened it. */
export function scope(native: RivetNative, state: RivetState): Scope | null | undefined {
  switch (native.kind) {
    case 'update':
    case 'asked':
      return scopeOf(speaking(native, state));
    case 'asking': {
      const turn = speaking(native, state);
      const call = native.call !== undefined && turn?.tools.has(native.call) ? native.call : undefined;
      return turn ? { run: turn.run, call } : null;
    }
    case 'posted':
    case 'responded':
      return scopeOf(sent(native, state));
    default:
      return undefined;
  }
}

/** A turn that is never answered would take what the next ones on its session say. */
export function abandon(run: RunId, { turns }: RivetState): void {
  turns.delete(run);
}

function scopeOf(turn: RivetTurn | undefined): Scope | null {
  return turn ? { run: turn.run } : null;
}

function remember({ run, session, input }: Extract<RivetNative, { kind: 'called' }>, state: RivetState): void {
  state.turns.set(run, { ...startTurn(run), session, input, hasBegun: false, isFenced: false, asked: new Set() });
  if (state.turns.size <= MAX_TURNS) return;
  const oldest = state.turns.keys().next();
  if (!oldest.done) state.turns.delete(oldest.value);
}

function* begin(turn: RivetTurn, native?: Extract<RivetNative, { kind: 'bound' }>): Iterable<RunEvent> {
  turn.hasBegun = true;
  const { run, session, agentSession: engineSession, input } = turn;
  yield {
    type: 'run.start',
    run,
    agent: native?.agent,
    remote: native?.server,
    session,
    engineSession,
    input: () => input,
  };
}

/**
 * The call is over for its caller; its updates may still be on their way. A call that failed before anything was sent
 * is a turn as well: the user asked for it, and got an error.
 */
function* settle(
  { run, at, answer }: Extract<RivetNative, { kind: 'settled' }>,
  state: RivetState,
): Iterable<RunEvent> {
  const turn = state.turns.get(run);
  if (!turn) return;
  turn.settled = { at, answer };
  if (!turn.hasBegun) {
    if (answer.failure === undefined) state.turns.delete(run);
    else yield* begin(turn);
  }
  yield* endIfDone(turn, state);
}

/** A turn is over when its call is, its HTTP request is, and all that it says has come; or when nothing was sent. */
function* endIfDone(turn: RivetTurn, state: RivetState): Iterable<RunEvent> {
  const isQuiet = turn.isFenced && turn.deliveredAt !== undefined;
  if (turn.settled && (isQuiet || turn.request === undefined)) yield* end(turn, state, turn.settled);
}

function* end(
  turn: RivetTurn,
  state: RivetState,
  { at, answer }: { readonly at?: Millis; readonly answer: AcpAnswer },
): Iterable<RunEvent> {
  const until = at === undefined ? undefined : Math.max(at, turn.deliveredAt ?? at);
  if (state.turns.delete(turn.run)) yield endTurn(turn, answer, until);
}

/**
 * Whose update this is: that of the turn whose tool call it adds to; else of the oldest turn of its session whose fence
 * has not come. Where none ever comes, that of the oldest one that has no answer, else of the last one.
 */
function speaking(native: OfSession & { readonly update?: AcpUpdate }, state: RivetState): RivetTurn | undefined {
  const isOpen = (turn: RivetTurn): boolean => isOf(turn, native) && !turn.isFenced;
  const tool = native.update?.kind === 'tool' && native.update.tool.isUpdate ? native.update.tool.id : undefined;
  const calling =
    tool === undefined ? undefined : find(state, (turn) => isOf(turn, native) && turn.tools.get(tool) === true);
  if (calling) return calling;
  if (state.fences.get(native.connection) ?? true) return find(state, isOpen);
  const unsettled = find(state, (turn) => isOpen(turn) && !turn.settled);
  return unsettled ?? [...state.turns.values()].findLast(isOpen);
}

function sent({ connection, request }: OnTheWire, state: RivetState): RivetTurn | undefined {
  return find(state, (turn) => turn.connection === connection && turn.request === request);
}

function asking({ connection, request }: OnTheWire, state: RivetState): RivetTurn | undefined {
  return find(state, (turn) => turn.connection === connection && turn.asked.has(request));
}

interface OfSession {
  readonly connection: ConnectionId;
  readonly agentSession: string;
}

interface OnTheWire {
  readonly connection: ConnectionId;
  readonly request: string;
}

function isOf(turn: RivetTurn, { connection, agentSession }: OfSession): boolean {
  return turn.connection === connection && (turn.agentSession ?? agentSession) === agentSession;
}

/** The oldest turn that it is true of. */
function find(state: RivetState, test: (turn: RivetTurn) => boolean): RivetTurn | undefined {
  for (const turn of state.turns.values()) if (test(turn)) return turn;
  return undefined;
}
