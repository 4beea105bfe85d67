import type { Capture } from './capture.ts';
import { CheckUsageError } from './check-usage-error.ts';
import type { Evidence, Level, Rule, Severity, Violation } from './rule.ts';
import { rules as everyRule } from './rules/index.ts';

/** One thing that is wrong: what, why it matters, how to mend it, and where it is. */
export interface Finding {
  /** The id of the rule. */
  readonly rule: string;
  readonly severity: Severity;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
  readonly at: FindingPlace;
}

/** Where a finding is: the span and, where it was read from a file, the file and the line. */
export interface FindingPlace {
  /** Empty, as `spanId` is, for what belongs to no span: a metric. */
  readonly traceId: string;
  readonly spanId: string;
  readonly file?: string;
  readonly line?: number;
}

/** What to check. */
export interface CheckOptions {
  /** The rules to apply, in this order; default: all of this package. */
  readonly rules?: readonly Rule[];
  /** Apply these alone, by id. */
  readonly only?: readonly string[];
  /** Leave these out, by id. */
  readonly except?: readonly string[];
  /** Levels other than the rules' own, by id. */
  readonly levels?: Readonly<Record<string, Level>>;
}

/**
 * Applies the rules to everything that a capture holds. No finding: the conversations are whole. Findings stand in the
 * order of the traces, spans and rules they belong to.
 *
 * @throws CheckUsageError when an option names a rule or a level that does not exist, and for what is no capture.
 */
export function check(capture: Capture, options: CheckOptions = {}): readonly Finding[] {
  requireCapture(capture);
  const { index } = capture;
  const ranks = new Map<Evidence, number>(index.spans.map((span, rank) => [span, rank]));
  const rankOf = ({ violation }: { readonly violation: Violation }): number =>
    ranks.get(violation.at) ?? index.spans.length;
  return rulesOf(options)
    .flatMap((rule) => Array.from(rule.judge(index), (violation) => ({ rule, violation })))
    .toSorted((left, right) => rankOf(left) - rankOf(right))
    .map(({ rule, violation }) => toFinding(rule, violation, options.levels?.[rule.id]));
}

/**
 * The rules that some options choose, in the order they are applied in.
 *
 * @throws CheckUsageError when an option names a rule or a level that does not exist.
 */
export function rulesOf({ rules = everyRule, only, except = [], levels = {} }: CheckOptions): readonly Rule[] {
  const known = new Set(rules.map((rule) => rule.id));
  for (const id of [...(only ?? []), ...except, ...Object.keys(levels)]) {
    if (known.has(id)) continue;
    throw new CheckUsageError(
      'unknown-rule',
      `There is no rule "${id}", so nothing would be checked by that name. The rules are: ${[...known].join(', ')}.`,
    );
  }
  for (const [id, level] of Object.entries<unknown>(levels)) {
    if (level === undefined || level === 'off' || level === 'warn' || level === 'error') continue;
    throw new CheckUsageError(
      'unknown-level',
      `The level of rule "${id}" is ${JSON.stringify(level)}, which means nothing. Give it as off, warn or error.`,
    );
  }
  return rules.filter(
    ({ id }) => levels[id] !== 'off' && !except.includes(id) && (only === undefined || only.includes(id)),
  );
}

/** Callers without types pass anything. */
function requireCapture(capture: unknown): void {
  if (typeof capture === 'object' && capture !== null && 'index' in capture) return;
  throw new CheckUsageError(
    'no-capture',
    'check judges a capture, but was given something else. Use createCapture(), captureFiles(files), or captureFrom(exporter) for what an exporter holds.',
  );
}

function toFinding(rule: Rule, violation: Violation, level: Level | undefined): Finding {
  const { traceId, spanId, place } = violation.at;
  return {
    rule: rule.id,
    severity: level === undefined || level === 'off' ? (violation.severity ?? rule.severity) : level,
    what: violation.what,
    why: violation.why ?? rule.why,
    fix: violation.fix ?? rule.fix,
    at: { traceId, spanId, ...place },
  };
}
