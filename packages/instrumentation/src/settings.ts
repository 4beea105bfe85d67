import { metrics, trace, type MeterProvider, type Tracer, type TracerProvider } from '@opentelemetry/api';
import type { AttachmentSettings } from './attachment.ts';
import { Ledger } from './ledger.ts';
import { contentOption, type ContentOption } from './record/content.ts';
import { EventsListener, type LoggerLike, type LoggerProviderLike, type RunInfo } from './record/events.ts';
import { MetricsListener } from './record/metrics.ts';
import { SpanRecorder } from './record/spans.ts';
import { StampRecorder } from './record/stamp-recorder.ts';
import { isFunction } from './narrow.ts';
import { ask } from './say.ts';
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
  /**
   * Called once for each run, when its session is known, or known to have no id. What it throws, or rejects with, is
   * swallowed.
   */
  readonly onRunStart?: (run: RunInfo) => void;
  /** A run without a sign of life for this long is closed as abandoned. Milliseconds; 30 minutes by default. */
  readonly idleTimeoutMillis?: number;
  /** How many ended spans of one session wait for an id that comes late; 512 by default. */
  readonly lateLimit?: number;
  /** How long they wait. Milliseconds; 5 seconds by default. */
  readonly lateDeadlineMillis?: number;
}

/** Where spans, measurements and log events go: an instrumentation may be told later than it is built. */
export interface Providers {
  readonly tracer: () => TracerProvider;
  readonly meter: () => MeterProvider;
  readonly logger: () => LoggerLike | undefined;
}

/** Where spans, measurements and log events go, if not to the global providers. */
export interface ProviderOptions {
  readonly tracerProvider?: TracerProvider | undefined;
  readonly meterProvider?: MeterProvider | undefined;
  /** For `run.start` and `session.start` as log events; the API's logs are younger than it, so it has to be given. */
  readonly loggerProvider?: LoggerProviderLike | undefined;
}

/** The providers given, else those that are registered globally at the time. */
export function providersOf({ tracerProvider, meterProvider, loggerProvider }: ProviderOptions): Providers {
  const logger = loggerProvider && ask('getLogger', () => loggerProvider.getLogger(SCOPE_NAME, VERSION));
  return {
    tracer: () => tracerProvider ?? trace.getTracerProvider(),
    meter: () => meterProvider ?? metrics.getMeterProvider(),
    logger: () => logger,
  };
}

const MAX_RUNS = 256;
const IDLE_TIMEOUT = 30 * 60_000;

/** The longest that a timer waits, 24 days; one that is to wait longer does not wait at all. Milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** What an attachment works with: by the options of a call, else by what its tracer provider was set up with. */
export function settingsOf(
  said: RunOptions & { readonly stampOnly?: boolean },
  providers: Providers,
  log: RunLog,
): AttachmentSettings {
  const ledger = (): Ledger => Ledger.of(providers.tracer());
  const options = { ...ledger().defaults, ...said };
  const tracer = tracerOf(providers.tracer);
  const events = new EventsListener(providers.logger, ledger, (run) => log.add(run));
  const listeners = [new MetricsListener(providers.meter), events];
  const refuse = (name: keyof RunOptions, expected: string, standard: string | number): void =>
    ledger().warnOnce(`${name} is ${String(options[name])}, not ${expected}: ${standard} is used`);
  const number = (name: NumberOption, standard: number, least = 0): number => {
    const value = options[name] ?? standard;
    if (value >= least) return value;
    refuse(name, `a number from ${least} on`, standard);
    return standard;
  };
  const { fallback = 'none' } = options;
  let { content } = options;
  // A program without types may write another word.
  if (content !== undefined && !['none', 'all'].includes(String(content)) && !isFunction(content)) {
    refuse('content', 'none, all or a function', 'none');
    content = 'none';
  }
  if (fallback !== 'none' && fallback !== 'generate') refuse('fallback', 'none or generate', 'none');
  const deadlineMillis = Math.min(number('lateDeadlineMillis', DEFAULT_LATE_LIMITS.deadlineMillis), LONGEST);
  return {
    recorder: options.stampOnly
      ? new StampRecorder({ ledger, listeners })
      : new SpanRecorder({ ledger, listeners, tracer, content: contentOption(content) }),
    ledger,
    fallback,
    // A program without types may give one name alone.
    aliases: [options.alsoAs ?? []].flat(),
    environment: process.env['TURNKEEPER_SESSION_ID'],
    idleTimeoutMillis: number('idleTimeoutMillis', IDLE_TIMEOUT, 1),
    late: { limit: number('lateLimit', DEFAULT_LATE_LIMITS.limit), deadlineMillis },
  };
}

type NumberOption = 'idleTimeoutMillis' | 'lateLimit' | 'lateDeadlineMillis';

/** The tracer of the provider that is there at the time. The API's own follows what is registered behind it. */
function tracerOf(provider: () => TracerProvider): () => Tracer {
  let known: { readonly provider: TracerProvider; readonly tracer: Tracer } | undefined;
  return () => {
    const current = provider();
    if (known?.provider !== current) known = { provider: current, tracer: current.getTracer(SCOPE_NAME, VERSION) };
    return known.tracer;
  };
}

/**
 * What the runs of one observation said when they began. A run's context may outlive it, in a connection that it
 * opened: from there no reference leads to the engine's objects.
 */
export class RunLog {
  readonly #runs: RunInfo[] = [];
  readonly #onRunStart: RunOptions['onRunStart'];

  constructor(onRunStart: RunOptions['onRunStart']) {
    this.#onRunStart = onRunStart;
  }

  runs(): readonly RunInfo[] {
    return this.#runs.slice(-MAX_RUNS);
  }

  add(run: RunInfo): void {
    this.#runs.push(run);
    // Seldom, and many at once: to take the first out of a list moves all the others.
    if (this.#runs.length === MAX_RUNS * 2) this.#runs.splice(0, MAX_RUNS);
    ask('onRunStart', () => this.#onRunStart?.(run));
  }
}
