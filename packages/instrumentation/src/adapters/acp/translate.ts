import type { RunEvent, RunId, Scope } from '../../adapter.ts';
import { endTurn, startTurn, translateUpdate, type AcpTurn } from '../acp-protocol.ts';
import type { AcpNative, ConnectionId } from './native.ts';

interface Turn extends AcpTurn {
  readonly connection: ConnectionId;
  readonly session: string;
}

/** What is known of one client: its turns that have no answer yet, oldest first, and who its agents are. */
export interface AcpState {
  readonly turns: Map<RunId, Turn>;
  readonly agents: Map<ConnectionId, string>;
}

/** Turns that an agent never answers stay in the table; the oldest is forgotten. */
const MAX_TURNS = 10_000;

/** How many connections' agents are remembered; the oldest is forgotten. */
const MAX_AGENTS = 1_000;

export function start(): AcpState {
  return { turns: new Map(), agents: new Map() };
}

export function* translate(native: AcpNative, state: AcpState): Iterable<RunEvent> {
  switch (native.kind) {
    case 'agent':
      // It stays when its connection is over: what is asked of it then is asked of this agent still.
      state.agents.set(native.connection, native.name);
      forgetOldest(state.agents, MAX_AGENTS);
      return;
    case 'prompt': {
      const { run, connection, session, input } = native;
      state.turns.set(run, { ...startTurn(run), connection, session });
      forgetOldest(state.turns, MAX_TURNS);
      yield { type: 'run.start', run, agent: state.agents.get(connection), session, input: () => input };
      return;
    }
    case 'update': {
      const turn = ongoing(native, state);
      if (turn) yield* translateUpdate(turn, native.update);
      return;
    }
    case 'request': {
      const turn = ongoing(native, state);
      if (!turn) return;
      if (native.wait === undefined) yield { type: 'run.progress', run: turn.run };
      else yield { type: 'run.wait', run: turn.run, reason: native.wait, wait: native.request };
      return;
    }
    case 'given': {
      const turn = ongoing(native, state);
      if (turn) yield { type: 'run.resume', run: turn.run, wait: native.request };
      return;
    }
    case 'answered': {
      const turn = state.turns.get(native.run);
      if (!turn) return;
      state.turns.delete(native.run);
      yield endTurn(turn, native.answer, native.at);
      return;
    }
    case 'closed':
      for (const turn of state.turns.values()) {
        if (turn.connection !== native.connection) continue;
        state.turns.delete(turn.run);
        yield endTurn(turn, { failure: 'connection_closed' });
      }
      return;
  }
}

function forgetOldest<Key>(table: Map<Key, unknown>, size: number): void {
  const oldest = table.keys().next();
  if (table.size > size && !oldest.done) table.delete(oldest.value);
}

/** What a message of no turn causes belongs nowhere: it comes in the context of whoever opened the connection. */
export function scope(native: AcpNative, state: AcpState): Scope | null | undefined {
  switch (native.kind) {
    case 'prompt':
      return { run: native.run };
    case 'update': {
      const turn = ongoing(native, state);
      return turn ? { run: turn.run } : null;
    }
    case 'request': {
      const turn = ongoing(native, state);
      const call = native.call !== undefined && turn?.tools.has(native.call) ? native.call : undefined;
      return turn ? { run: turn.run, call } : null;
    }
    default:
      return undefined;
  }
}

/** A turn that is never answered would take what the next ones on its session do. */
export function abandon(run: RunId, { turns }: AcpState): void {
  turns.delete(run);
}

/** The protocol names no prompt in its updates: of several on one session, it is the first that is being worked on. */
function ongoing(
  { connection, session }: { readonly connection: ConnectionId; readonly session: string },
  state: AcpState,
): Turn | undefined {
  for (const turn of state.turns.values()) {
    if (turn.connection === connection && turn.session === session) return turn;
  }
  return undefined;
}
