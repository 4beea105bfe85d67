/**
 * The contract between an engine's adapter and the core. An adapter turns what one engine says into run events;
 * spans, sessions, clocks, timers and contexts are the core's. This is the only file of the core an adapter imports.
 */
import type { CallId, CallerName, Millis, RunEvent, RunId } from './run-event.ts';
import type { Done, Failure } from './wrap-method.ts';

export type * from './run-event.ts';
export { count, isRecord, text } from './narrow.ts';
export { afterCall, afterSettled, listenToMethod, methodWrapper, wrapMethod } from './wrap-method.ts';
export type { Around, Done, Failure } from './wrap-method.ts';

/**
 * One engine. `Target` is what is observed (a session, a client, a class), `Native` what its seams deliver as plain
 * data (so that recordings replay), `State` what `translate` remembers; there is one state per attachment.
 */
export interface Adapter<Target extends object, Native, State> {
  /** The engine's name in `turnkeeper.engine.name`: lower case, words joined by hyphens. */
  readonly name: string;
  /** No engine, but code of the program's own: what runs in it is work of its own, not the same call seen again. */
  readonly isService?: boolean;
  /**
   * The engine works on the turns of a session one after the other: a run that begins inside another one of its session, in
   * a listener or a tool, is the next turn, and starts where that one did.
   */
  readonly takesTurns?: boolean;
  /** The engine's package and the versions this adapter was run on. */
  readonly engine?: { readonly package: string; readonly range: string };
  start(target: Target): State;
  /**
   * Whether this target writes GenAI spans of its own: then runs and their sessions are followed, and no spans are
   * written beside the engine's. Reads what the program has configured, and calls nothing.
   */
  tracesItself?(target: Target): boolean;
  /** Turns one native signal into run events. Pure but for `state`: it reads no clock and calls no engine. */
  translate(native: Native, state: State): Iterable<RunEvent>;
  /**
   * Where work caused by this signal belongs; asked after `translate`, pure. A scope: inside it; `null`: in nobody's
   * run; `undefined`: where it is.
   */
  scope?(native: Native, state: State): Scope | CallerScope | null | undefined;
  /**
   * The core has given up this run: nothing was heard of it for too long, or too many are open. What the state keeps of
   * it must not stand in the way of the next one.
   */
  abandon?(run: RunId, state: State): void;
  /** Installs all hooks on this target, the same by hand and by patch; returns what removes them. */
  attach(target: Target, tap: Tap<Native>): () => void;
  /** Where auto-instrumentation meets targets. */
  readonly patches?: readonly Patch[];
}

/** A run, or one call of it. */
export interface Scope {
  readonly run: RunId;
  readonly call?: CallId | undefined;
  /** The engine's own span of it, as a W3C `traceparent`: what work hangs below where no spans of ours are written. */
  readonly span?: string | undefined;
}

/** In the context that `Tap.caller` has kept under this name; in nobody's run where there is none. */
export interface CallerScope {
  readonly caller: CallerName;
}

/** Where something executes. */
export interface Place extends Scope {
  /** Whether the run's calls are recorded. Where not (it is not sampled, and nobody measures), none need be told. */
  readonly isRecorded: boolean;
}

/** Headers to send along: `traceparent` and what else the configured propagator writes. */
export type Carrier = Readonly<Record<string, string>>;

/**
 * Who receives a carrier. `peer`: a process that serves this one conversation, or one turn's own message to it; it
 * also gets the session's id. A host gets the trace context, and baggage only by the propagator's own list.
 */
export type Destination = 'peer' | { readonly host: string };

/**
 * What `attach` speaks to. No member throws; `work` always runs, and what it returns or throws is passed on. `done` is told
 * once how it went, in the context of the work: as soon as it has thrown, or what it gives has settled (see `afterSettled`).
 */
export interface Tap<Native> {
  /** One native signal. */
  deliver(native: Native): void;
  /**
   * `work` may become this run. The caller's context and clock are read now, and owners are looked at for an attached
   * session; there is no span before `translate` yields the run's start. When `work` has settled without one, the run
   * is forgotten.
   */
  run<T>(run: RunId, owners: readonly object[], work: () => T, done?: Done): T;
  /** Delivers, then runs `work` in the scope of this signal. The carrier takes the context that `work` runs in along. */
  around<T>(native: Native, work: (carrier: (to: Destination) => Carrier) => T, done?: Done): T;
  /** Runs `work` in this scope; where the scope is unknown or over, `work` just runs. */
  inside<T>(scope: Scope, work: () => T, done?: Done): T;
  /**
   * The same for a lazy stream: every step of its iteration runs in this scope, and is a sign of life. `done` is called
   * once, when the iteration has ended or failed, or its reader has left; at once where the stream cannot be followed.
   * `see` is told each value.
   */
  through<I extends AsyncIterable<unknown>>(
    scope: Scope,
    stream: I,
    done?: (failure?: Failure) => void,
    see?: (value: unknown) => void,
  ): I;
  /** Runs `work` in nobody's run: for connections and loops that several conversations share. */
  outside<T>(work: () => T): T;
  /** The innermost open run executing here: its id where it is this attachment's, `null` where it is another's. */
  here(): RunId | null | undefined;
  /**
   * The innermost open run of this attachment executing here, and the call of it that is at work, if any. None where
   * tracing is switched off.
   */
  place(): Place | undefined;
  /** Whether tracing is switched off here: nothing that is called here becomes a run. */
  isSuppressed(): boolean;
  /** A new id for a run. */
  mint(): RunId;
  /** Keeps the context that is active now under a name, for runs whose start comes in another one. */
  caller(name: CallerName): void;
  /** Nobody of this name will come (what would have made the session has failed): runs that wait for it are no runs. */
  forget(name: CallerName): void;
  /** Delivers later, unless the attachment ends first. Returns what cancels it. */
  later(milliseconds: number, native: Native): () => void;
  /** Runs the adapter's own code where the engine would suffer from its failure, as in a listener. */
  guard(work: () => void): void;
  /** The core's clock. */
  now(): Millis;
  /** Says once, in the diagnostic log, that something is not as the adapter expects. */
  warn(message: string): void;
}

/**
 * An export of a module that leads to targets. Without `methods` the export is the target, observed when it is
 * loaded. With them, `this` of these methods of its prototype is, observed at its first call.
 */
export interface Patch {
  readonly module: string;
  readonly export: string;
  readonly methods?: readonly string[];
  /** Whether this call is on a target of the engine's: a class may serve others too. All are, where this is absent. */
  readonly accepts?: (target: object, args: readonly unknown[]) => boolean;
}
