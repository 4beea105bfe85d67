import { type CheckOptions, rulesOf } from '../check.ts';
import { CheckUsageError } from '../check-usage-error.ts';
import type { Rule } from '../rule.ts';
import { UsageError } from './usage-error.ts';

/**
 * The rules that a command line and a configuration choose, in the order they are applied in.
 *
 * @throws UsageError when there is no rule of a name.
 */
export function chooseRules(options: CheckOptions): readonly Rule[] {
  try {
    return rulesOf(options);
  } catch (error) {
    throw error instanceof CheckUsageError ? new UsageError(error.message) : error;
  }
}
