import type { Rule } from '../rule.ts';
import { conversationMatches } from './conversation-matches.ts';
import { errorsTyped } from './errors-typed.ts';
import { everySpanStamped } from './every-span-stamped.ts';
import { noOrphans } from './no-orphans.ts';
import { oneRootPerTurn } from './one-root-per-turn.ts';
import { oneSessionPerRun } from './one-session-per-run.ts';
import { operationShape } from './operation-shape.ts';
import { runStartMatches } from './run-start-matches.ts';
import { sessionsNotMixed } from './sessions-not-mixed.ts';
import { turnsLinked } from './turns-linked.ts';

/** Every rule of this package, the weightiest first. */
export const rules: readonly Rule[] = [
  oneSessionPerRun,
  everySpanStamped,
  conversationMatches,
  runStartMatches,
  sessionsNotMixed,
  turnsLinked,
  oneRootPerTurn,
  noOrphans,
  operationShape,
  errorsTyped,
];
