import { ENGINE_NAMES, type EngineName, type TurnkeeperConfig } from '../instrumentation.ts';
import { goodSessionId } from '../session/session-id.ts';
import type { SessionPropagatorOptions } from '../propagation/session-propagator.ts';

/** What `register` sets up, as the environment has it. */
export interface RegisterOptions {
  readonly config: TurnkeeperConfig;
  /** Undefined where no variable speaks of propagation: the SDK's own propagator is used. */
  readonly propagation: SessionPropagatorOptions | undefined;
  /** The share of conversations to keep; undefined where the SDK's sampler decides. */
  readonly ratio: number | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the TURNKEEPER_* variables. A value that is no good is named to `warn`, in one line, and left out. */
export function readVariables(variables: Variables, warn: (message: string) => void): RegisterOptions {
  const read = <T>(name: string, parse: (value: string) => T | undefined, expected: string): T | undefined => {
    const value = variables[name]?.trim();
    if (value === undefined || value === '') return undefined;
    const parsed = parse(value);
    if (parsed === undefined) warn(`${name} is ${JSON.stringify(value)}, which is not ${expected}: it is left out`);
    return parsed;
  };
  const sessionId = 'TURNKEEPER_SESSION_ID';
  goodSessionId(variables[sessionId], (problem) => warn(`${sessionId} is no session id: ${problem}: it is left out`));
  const engines = `a list of ${ENGINE_NAMES.join(', ')}`;
  const send = read('TURNKEEPER_SEND', listOf, 'a list of hosts');
  const accept = read('TURNKEEPER_ACCEPT', oneOf(['never', 'always']), 'never or always');
  return {
    config: withoutUndefined({
      engines: read('TURNKEEPER_ENGINES', enginesOf, engines),
      stampOnly: read('TURNKEEPER_STAMP_ONLY', enginesOf, engines),
      fallback: read('TURNKEEPER_FALLBACK', oneOf(['none', 'generate']), 'none or generate'),
      content: read('TURNKEEPER_CONTENT', oneOf(['none', 'all']), 'none or all'),
      alsoAs: read('TURNKEEPER_ALSO_AS', listOf, 'a list of attribute names'),
      lateLimit: read('TURNKEEPER_LATE_LIMIT', countOf, 'a number of spans'),
      lateDeadlineMillis: read('TURNKEEPER_LATE_DEADLINE', millisOf, 'a number of milliseconds'),
      idleTimeoutMillis: read('TURNKEEPER_IDLE_TIMEOUT', millisOf, 'a number of milliseconds'),
    }),
    propagation: send || accept ? withoutUndefined({ send, accept }) : undefined,
    ratio: read('TURNKEEPER_SAMPLE_RATIO', ratioOf, 'a number from 0 to 1'),
  };
}

function oneOf<const T extends string>(words: readonly T[]): (value: string) => T | undefined {
  return (value) => words.find((word) => word === value);
}

function listOf(value: string): string[] | undefined {
  const list = value.split(',').map((item) => item.trim());
  return list.includes('') ? undefined : list;
}

function enginesOf(value: string): EngineName[] | undefined {
  const engines = value.split(',').map((item) => oneOf(ENGINE_NAMES)(item.trim()));
  return engines.every((engine) => engine !== undefined) ? engines : undefined;
}

function countOf(value: string): number | undefined {
  return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

function millisOf(value: string): number | undefined {
  return countOf(value) || undefined;
}

function ratioOf(value: string): number | undefined {
  const ratio = Number(value);
  return ratio >= 0 && ratio <= 1 ? ratio : undefined;
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(values: T): Defined<T> {
  const defined = { ...values };
  for (const [name, value] of Object.entries(values)) if (value === undefined) Reflect.deleteProperty(defined, name);
  return defined;
}
