import type { Rule } from '../rule.ts';
import { conversationMatches } from './conversation-matches.ts';
import { deprecatedNames } from './deprecated-names.ts';
import { endedInsideParent } from './ended-inside-parent.ts';
import { errorsTyped } from './errors-typed.ts';
import { everySpanStamped } from './every-span-stamped.ts';
import { idNotInNames } from './id-not-in-names.ts';
import { idNotMinted } from './id-not-minted.ts';
import { idWellFormed } from './id-well-formed.ts';
import { noContent } from './no-content.ts';
import { noDuplicateInference } from './no-duplicate-inference.ts';
import { noEngineIdLeak } from './no-engine-id-leak.ts';
import { noOrphans } from './no-orphans.ts';
import { oneRootPerTurn } from './one-root-per-turn.ts';
import { oneSessionPerRun } from './one-session-per-run.ts';
import { operationShape } from './operation-shape.ts';
import { runStartMatches } from './run-start-matches.ts';
import { sampledWhole } from './sampled-whole.ts';
import { sessionStartOnce } from './session-start-once.ts';
import { sessionsNotMixed } from './sessions-not-mixed.ts';
import { turnsLinked } from './turns-linked.ts';
import { usageSane } from './usage-sane.ts';

/** Every rule of this package, the weightiest first. */
export const rules: readonly Rule[] = [
  oneSessionPerRun,
  everySpanStamped,
  conversationMatches,
  idNotMinted,
  noEngineIdLeak,
  runStartMatches,
  sessionsNotMixed,
  turnsLinked,
  oneRootPerTurn,
  noOrphans,
  endedInsideParent,
  operationShape,
  errorsTyped,
  noDuplicateInference,
  usageSane,
  noContent,
  idNotInNames,
  deprecatedNames,
  idWellFormed,
  sessionStartOnce,
  sampledWhole,
];
