import { diag, metrics, trace, type MeterProvider, type Tracer, type TracerProvider } from '@opentelemetry/api';
import type { Adapter } from './adapter.ts';
import { Attachment, type AttachmentSettings } from './attachment.ts';
import { Ledger } from './ledger.ts';
import { contentOption, type ContentOption } from './record/content.ts';
import { EventsListener, type LoggerLike, type RunInfo } from './record/events.ts';
import { globalLogger } from './record/global-logger.ts';
import { MetricsListener } from './record/metrics.ts';
import { SpanRecorder } from './record/spans.ts';
import type { SessionOptions } from './session/session-details.ts';
import { DEFAULT_LATE_LIMITS } from './session/session.ts';
import { SCOPE_NAME, VERSION } from './version.ts';

/** What a user can set wherever engines are observed. */
export interface RunOptions {
  /** What a session gets that nobody names: `none` (default), or `generate`, a `session.id` of our own. */
  readonly fallback?: 'none' | 'generate';
  /** Whether what people and models say is recorded; `none` by default. Redact in a function of yours. */
  readonly content?: ContentOption;
  /** Further names to write the session's id under, for backends that want their own. */
  readonly alsoAs?: readonly string[];
  /** Called once for each run, when its session is known, or known to have no id. What it throws is swallowed. */
  readonly onRunStart?: (run: RunInfo) => void;
  /** A run without a sign of life for this long is closed as abandoned. Milliseconds; 30 minutes by default. */
  readonly idleTimeoutMillis?: number;
  /** How many ended spans of one session wait for an id that comes late; 512 by default. */
  readonly lateLimit?: number;
  /** How long they wait. Milliseconds; 5 seconds by default. */
  readonly lateDeadlineMillis?: number;
}

export interface ObserveOptions extends RunOptions {
  /** The platform's session: it beats every other. An id of 1 to 128 printable characters, or one with its details. */
  readonly session?: string | SessionOptions;
  /** Where spans go; the global provider by default. */
  readonly tracerProvider?: TracerProvider;
}

/** One engine under observation. */
export interface Observation {
  /** The metadata of the runs that have begun, oldest first; the last 256 of them. */
  runs(): readonly RunInfo[];
  /** Takes every hook away and closes what is open. */
  stop(): void;
}

/** Where spans, measurements and log events go: an instrumentation may be told later than it is built. */
export interface Providers {
  readonly tracer: () => TracerProvider;
  readonly meter: () => MeterProvider;
  readonly logger: () => LoggerLike | undefined;
}

const MAX_RUNS = 256;
const IDLE_TIMEOUT = 30 * 60_000;

/** A symbol of the registry: two instrumentations, or two copies of this package, attach once. */
const OBSERVED = Symbol.for('turnkeeper.observed');

/**
 * Observes one target of an engine: every run on it is traced until `stop`, under one session id. Observing a target
 * twice is observing it once: the first observation is returned, and a session given later takes effect from its next
 * run on. Never throws: what cannot be observed is named in the diagnostic log.
 */
export function observe<Target extends object, Native, State>(
  adapter: Adapter<Target, Native, State>,
  target: Target,
  options: ObserveOptions = {},
): Observation {
  const { tracerProvider } = options;
  return observeWith(adapter, target, options, {
    tracer: () => tracerProvider ?? trace.getTracerProvider(),
    meter: () => metrics.getMeterProvider(),
    logger: globalLogger,
  });
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
    const observation = attach(adapter, target, options, providers, () => observed.delete(adapter.name));
    observed.set(adapter.name, observation);
    return observation;
  } catch (error) {
    diag.error(`turnkeeper: ${adapter.name}: this target cannot be observed`, error);
    return { runs: () => [], stop: () => {} };
  }
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
  const attachment = new Attachment(adapter, target, settingsOf(options, providers, log));
  attachment.explicitSession = options.session;
  const detach = adapter.attach(target, attachment);
  return {
    runs: () => log.runs(),
    useSession: (session) => {
      attachment.explicitSession = session;
    },
    stop: () => {
      attachment.stop();
      try {
        detach();
      } catch (error) {
        diag.error(`turnkeeper: ${adapter.name}: its hooks could not be removed`, error);
      }
      onStop();
    },
  };
}

function settingsOf(options: RunOptions, providers: Providers, log: RunLog): AttachmentSettings {
  const ledger = (): Ledger => Ledger.of(providers.tracer());
  const tracer = (): Tracer => providers.tracer().getTracer(SCOPE_NAME, VERSION);
  const events = new EventsListener(providers.logger, ledger, (run) => log.add(run));
  const listeners = [new MetricsListener(providers.meter), events];
  const {
    lateLimit: limit = DEFAULT_LATE_LIMITS.limit,
    lateDeadlineMillis: deadlineMillis = DEFAULT_LATE_LIMITS.deadlineMillis,
  } = options;
  return {
    recorder: new SpanRecorder({ tracer, ledger, content: contentOption(options.content), listeners }),
    ledger,
    fallback: options.fallback ?? 'none',
    aliases: options.alsoAs ?? [],
    environment: process.env['TURNKEEPER_SESSION_ID'],
    idleTimeoutMillis: options.idleTimeoutMillis ?? IDLE_TIMEOUT,
    late: { limit, deadlineMillis },
  };
}

/**
 * What the runs of one observation said when they began. A run's context may outlive it, in a connection that it
 * opened: from there no reference leads to the engine's objects.
 */
class RunLog {
  readonly #runs: RunInfo[] = [];
  readonly #onRunStart: RunOptions['onRunStart'];

  constructor(onRunStart: RunOptions['onRunStart']) {
    this.#onRunStart = onRunStart;
  }

  runs(): readonly RunInfo[] {
    return [...this.#runs];
  }

  add(run: RunInfo): void {
    this.#runs.push(run);
    if (this.#runs.length > MAX_RUNS) this.#runs.shift();
    try {
      this.#onRunStart?.(run);
    } catch (error) {
      diag.warn('turnkeeper: onRunStart threw', error);
    }
  }
}

/** The observations of this very target: one that it inherits through its prototype is another's. */
function observationsOf(target: object): Map<string, MarkedObservation> {
  const existing: unknown = Object.hasOwn(target, OBSERVED) ? Reflect.get(target, OBSERVED) : undefined;
  if (existing instanceof Map) return existing;
  const observations = new Map<string, MarkedObservation>();
  Reflect.defineProperty(target, OBSERVED, { value: observations, configurable: true });
  return observations;
}
