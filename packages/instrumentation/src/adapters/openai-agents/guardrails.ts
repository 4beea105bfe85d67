import { wrapMethod, type Failure, type Outcome } from '../../adapter.ts';
import { readFailure, recordIn, recordOf, text, type OpenAITap } from './native.ts';
import type { PassingHooks } from './passing-hooks.ts';

/** Where runners, agents and tools keep their guardrails, and the method that checks one. */
const PLACES: readonly (readonly [place: string, method: string])[] = [
  ['inputGuardrailDefs', 'run'],
  ['outputGuardrailDefs', 'run'],
  ['inputGuardrails', 'execute'],
  ['outputGuardrails', 'execute'],
];

const TOOL_PLACES: readonly string[] = ['inputGuardrails', 'outputGuardrails'];

/** Shows the checks of guardrails, which may run agents of their own. Returns what observes a runner's, or an agent's. */
export function observeGuardrails(tap: OpenAITap, hooks: PassingHooks): (...owners: unknown[]) => void {
  let calls = 0;

  const look = (guardrail: unknown, method: string): void =>
    hooks.once(guardrail, (hooked) => [
      wrapMethod(hooked, method, (proceed, args) => {
        const place = tap.place();
        if (!place?.isRecorded || place.call?.startsWith(GUARDRAIL)) return proceed(...args);
        const { run, call: within } = place;
        calls += 1;
        const call = `${GUARDRAIL}${calls}`;
        const name = text(hooked['name']) ?? 'unnamed';
        return tap.around(
          { kind: 'step', run, call, within, step: 'guardrail', name },
          () => proceed(...args),
          (value, failure) => tap.deliver({ kind: 'step-end', run, call, outcome: outcomeOf(value, failure) }),
        );
      }),
    ]);

  return (...owners) => {
    for (const owner of owners) {
      for (const [place, method] of PLACES) for (const guardrail of listIn(owner, place)) look(guardrail, method);
      for (const tool of listIn(owner, 'tools')) {
        for (const place of TOOL_PLACES) for (const guardrail of listIn(tool, place)) look(guardrail, 'run');
      }
    }
  };
}

const GUARDRAIL = 'guardrail-';

/** A guardrail that trips has stopped the run. */
function outcomeOf(value: unknown, failure: Failure | undefined): Outcome {
  if (failure) return readFailure(failure.error);
  const said = recordIn(value, 'output') ?? recordOf(value);
  const isTripped = said?.['tripwireTriggered'] === true || recordIn(value, 'behavior')?.['type'] === 'throwException';
  return isTripped ? { kind: 'error', type: 'tripwire' } : { kind: 'ok' };
}

function listIn(owner: unknown, key: string): readonly unknown[] {
  const list = recordOf(owner)?.[key];
  return Array.isArray(list) ? list : NONE;
}

const NONE: readonly unknown[] = [];
