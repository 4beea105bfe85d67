import { ATTR_TURNKEEPER_LINK_KIND, LINK_KIND_PREVIOUS_TURN } from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule, type Violation } from '../rule.ts';
import { processOf } from '../span.ts';
import { type Run, type SpanIndex, turnsOf } from '../span-index.ts';
import { EndedTurns } from './ended-turns.ts';

/** Within one process a turn leads back to the turn before. */
export const turnsLinked: Rule = {
  id: 'turns-linked',
  severity: 'warn',
  basis: 'policy',
  asserts:
    'Within one process the root of a turn links to the root of the turn before in the same session, or shares its trace.',
  why: 'From this turn nobody can step back to the one before: the conversation is a set of traces instead of a chain.',
  fix: 'Keep one TurnkeeperInstrumentation for the life of the process; it remembers the last turn of each session.',
  *judge(index) {
    for (const [session, runs] of index.sessions) {
      for (const turns of processesOf(turnsOf(runs))) yield* judgeTurns(index, session, turns);
    }
  },
};

function* judgeTurns(index: SpanIndex, session: string, turns: readonly Run[]): Iterable<Violation> {
  const ended = new EndedTurns(turns);
  for (const [position, turn] of turns.entries()) {
    const before = turns[position - 1];
    // Turns that overlap may each follow any turn that had begun.
    const earliest = ended.lastBefore(turn, position) ?? turns[0];
    if (before === undefined || before.root.traceId === turn.root.traceId) continue;
    if (leadsBack(index, turn, earliest ?? before)) continue;
    yield {
      at: turn.root,
      what: `Turn ${position + 1} of session ${quote(session)}, ${quote(turn.root.name)}, has no link to the turn before it in this process.`,
    };
  }
}

/** Whether a turn links to this earlier one, to one that began after it, or to one that the input lacks. */
function leadsBack(index: SpanIndex, turn: Run, earliest: Run): boolean {
  return turn.root.links.some((link) => {
    if (link.attributes[ATTR_TURNKEEPER_LINK_KIND] !== LINK_KIND_PREVIOUS_TURN) return false;
    const target = index.find(link.traceId, link.spanId);
    return target === undefined || (target !== turn.root && target.start >= earliest.root.start);
  });
}

function processesOf(turns: readonly Run[]): Iterable<readonly Run[]> {
  return Map.groupBy(turns, ({ root }) => processOf(root.resource)).values();
}
