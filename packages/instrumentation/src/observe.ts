import { trace } from '@opentelemetry/api';
import type { Adapter } from './adapter.ts';
import { Attachment } from './attachment.ts';
import { isMap, keptOn } from './kept.ts';
import { Ledger } from './ledger.ts';
import { isFunction } from './narrow.ts';
import type { RunInfo } from './record/events.ts';
import { say } from './say.ts';
import type { SessionOptions } from './session/session-details.ts';
import { providersOf, RunLog, settingsOf, type ProviderOptions, type Providers, type RunOptions } from './settings.ts';

export interface ObserveOptions extends RunOptions, ProviderOptions {
  /** The platform's session: it beats every other. An id of 1 to 128 printable characters, or one with its details. */
  readonly session?: string | SessionOptions;
  /** The engine writes GenAI spans itself: write none, and put the session on its spans. Some engines tell. */
  readonly stampOnly?: boolean;
}

/** One engine under observation. */
export interface Observation {
  /** The metadata of the runs that have begun, oldest first; the last 256 of them. */
  runs(): readonly RunInfo[];
  /** Takes every hook away and closes what is open. */
  stop(): void;
}

/** A symbol of the registry: two instrumentations, or two copies of this package, attach once. */
const OBSERVED = Symbol.for('turnkeeper.observed');

/**
 * Observes one target of an engine: every run on it is traced until `stop`, under one session id. Observing a target
 * twice is observing it once: the first observation is returned, and a session given later takes effect from its next
 * run on. Never throws: what cannot be observed is named in the diagnostic log, once.
 */
export function observe<Target extends object, Native, State>(
  adapter: Adapter<Target, Native, State>,
  target: Target,
  options: ObserveOptions = {},
): Observation {
  try {
    return observeWith(adapter, target, options, providersOf(options));
  } catch (error) {
    return unobserved(adapter, error);
  }
}

/** As `observe`, with providers that may change. */
export function observeWith<Target extends object, Native, State>(
  adapter: Adapter<Target, Native, State>,
  target: Target,
  options: ObserveOptions,
  providers: Providers,
): Observation {
  try {
    const observed = observationsOf(target);
    const existing = observed.get(adapter.name);
    if (existing) {
      if (options.session !== undefined) existing.useSession(options.session);
      return existing;
    }
    const observation = attach(adapter, target, options, providers, () => {
      observed.delete(adapter.name);
      if (observed.size === 0) Reflect.deleteProperty(target, OBSERVED);
    });
    observed.set(adapter.name, observation);
    return observation;
  } catch (error) {
    return unobserved(adapter, error);
  }
}

type AnyAdapter = Pick<Adapter<never, never, never>, 'name' | 'patches' | 'attach'>;

/** A program without types may give another object of the engine's, or what is no adapter. */
function unobserved(adapter: AnyAdapter | undefined, error: unknown): Observation {
  const targets = adapter?.patches?.map((patch) => `${patch.export} of ${patch.module}`).join(' or ');
  const hint = targets ? ` (it is for ${targets})` : isFunction(adapter?.attach) ? '' : ' (first comes an adapter)';
  const message = `${adapter?.name}: this target cannot be observed: ${String(error)}${hint}`;
  Ledger.of(trace.getTracerProvider()).warnOnce(message, error);
  return { runs: () => [], stop: () => {} };
}

/** Whether this very target is under observation by this engine's adapter. */
export function isObserved(adapter: { readonly name: string }, target: object): boolean {
  const existing: unknown = Object.hasOwn(target, OBSERVED) ? Reflect.get(target, OBSERVED) : undefined;
  return existing instanceof Map && existing.has(adapter.name);
}

interface MarkedObservation extends Observation {
  useSession(session: string | SessionOptions): void;
}

function attach<Target extends object, Native, State>(
  adapter: Adapter<Target, Native, State>,
  target: Target,
  options: ObserveOptions,
  providers: Providers,
  onStop: () => void,
): MarkedObservation {
  const log = new RunLog(options.onRunStart);
  const stampOnly = options.stampOnly || adapter.tracesItself?.(target) === true;
  const attachment = new Attachment(adapter, target, settingsOf({ ...options, stampOnly }, providers, log));
  attachment.explicitSession = options.session;
  let detach: (() => void) | undefined;
  let isStopped = false;
  try {
    detach = adapter.attach(target, attachment);
  } catch (error) {
    // What is hooked by then does nothing any more; to try again would add to it.
    attachment.stop();
    unobserved(adapter, error);
  }
  return {
    runs: () => log.runs(),
    useSession: (session) => {
      attachment.explicitSession = session;
    },
    stop: () => {
      // By then the target may be under another observation.
      if (isStopped) return;
      isStopped = true;
      attachment.stop();
      try {
        detach?.();
      } catch (error) {
        say('error', `${adapter.name}: its hooks could not be removed`, error);
      }
      onStop();
    },
  };
}

/** The observations of this very target: one that it inherits through its prototype is another's. */
function observationsOf(target: object): Map<string, MarkedObservation> {
  if (!Object.isExtensible(target) && !Object.hasOwn(target, OBSERVED)) {
    throw new Error('it is frozen or sealed, so it cannot be marked as observed, nor its methods wrapped');
  }
  return keptOn(target, OBSERVED, isMap<string, MarkedObservation>, () => new Map());
}
