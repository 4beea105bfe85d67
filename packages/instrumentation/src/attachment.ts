import { randomUUID } from 'node:crypto';
import { ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import type {
  Adapter,
  Carrier,
  CallerName,
  CallerScope,
  Destination,
  Done,
  Millis,
  Place,
  RunEvent,
  RunId,
  RunStart,
  Scope,
  Tap,
} from './adapter.ts';
import { Clock } from './clock.ts';
import { followStream, type StreamDone } from './follow-stream.ts';
import { HeldRuns, type HeldEvent } from './held-runs.ts';
import { Recent } from './kept.ts';
import type { Ledger } from './ledger.ts';
import { carrierFor } from './propagation/carriers.ts';
import { Run } from './run.ts';
import type { Recorder } from './recorder.ts';
import { RunTable } from './run-table.ts';
import { say } from './say.ts';
import { isSeenTwice } from './seen-twice.ts';
import {
  activeContext,
  aroundWhatIsOver,
  frameIn,
  runInContext,
  type Attached,
  type EnclosingRun,
} from './session/active-session.ts';
import type { SessionOptions } from './session/session-details.ts';
import { isSessionId } from './session/session-id.ts';
import { sessionOfRun } from './session/session-of-run.ts';
import type { LateLimits, Session } from './session/session.ts';
import { isTracingSuppressed } from './suppression.ts';
import { afterCall } from './wrap-method.ts';

/** What an attachment works with; the same for all attachments of one instrumentation. */
export interface AttachmentSettings {
  readonly recorder: Recorder;
  readonly ledger: () => Ledger;
  /** What a session without any id gets. */
  readonly fallback: 'none' | 'generate';
  /** Further names that backends want the session's id under. */
  readonly aliases: readonly string[];
  /** The id of a process that serves one conversation. */
  readonly environment: string | undefined;
  /** A run without an event for this long is closed as abandoned. Milliseconds. */
  readonly idleTimeoutMillis: number;
  /** How much waits for an id that an engine gives late, and how long. */
  readonly late: LateLimits;
}

/** How many of an engine's sessions are remembered at least, to say when one is over. */
const SESSIONS = 1_000;

/**
 * One adapter on one target: the table of its runs, and the tap that the adapter speaks to. The error boundary: nothing
 * that the adapter, a recorder or this does wrong reaches the host.
 */
export class Attachment<Target extends object, Native, State> implements Tap<Native> {
  /** An option of the call that observes. */
  explicitSession: string | SessionOptions | undefined;
  readonly #adapter: Adapter<Target, Native, State>;
  readonly #state: State;
  readonly #settings: AttachmentSettings;
  readonly #identity: Attached;
  readonly #clock = new Clock();
  readonly #runs: RunTable;
  readonly #sessions = new Recent<string, Session>(SESSIONS);
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #reported = new Set<string>();
  readonly #held = new HeldRuns({
    after: (milliseconds, work) => this.#after(milliseconds, work),
    release: (events) => this.#release(events),
    warn: (message) => this.warn(message),
  });
  #minted = 0;
  /** When something of ours failed last: what a run before that is missing may be its end. */
  #failedAt: Millis = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(adapter: Adapter<Target, Native, State>, target: Target, settings: AttachmentSettings) {
    this.#adapter = adapter;
    this.#settings = settings;
    this.#state = adapter.start(target);
    this.#identity = { target: new WeakRef(target) };
    this.#runs = new RunTable({
      idleTimeoutMillis: settings.idleTimeoutMillis,
      now: () => this.#clock.now(),
      abandon: (run) => this.#abandon(run),
    });
  }

  /** How many runs are pending or open. */
  get size(): number {
    return this.#runs.size;
  }

  deliver(native: Native): void {
    if (this.#stopped) return;
    try {
      const at = this.#clock.now();
      for (const event of this.#adapter.translate(native, this.#state)) {
        // An engine's own time may be no time at all.
        this.#receive(event, Number.isFinite(event.at) ? (event.at ?? at) : at);
      }
    } catch (error) {
      this.#report('translate', error);
    }
  }

  run<T>(id: RunId, owners: readonly object[], work: () => T, done?: Done): T {
    const base = activeContext();
    const isOff = this.#stopped || isTracingSuppressed(base);
    const run = isOff ? undefined : this.#guard('run', () => this.#open(id, base, owners));
    if (!run) return this.#within(undefined, work, done);
    return this.#within(run.context, work, (value, failure) => {
      this.guard(() => done?.(value, failure));
      this.#left(run);
    });
  }

  around<T>(native: Native, work: (carrier: (to: Destination) => Carrier) => T, done?: Done): T {
    this.deliver(native);
    const scope = this.#stopped ? undefined : this.#guard('scope', () => this.#adapter.scope?.(native, this.#state));
    const within = scope ? this.#contextOf(scope) : activeContext();
    const isCarried = !this.#stopped && scope !== null;
    const carrier = (to: Destination): Carrier =>
      (isCarried && within && this.#guard('carrier', () => carrierFor(within, to))) || {};
    return this.#within(scope === null ? ROOT_CONTEXT : scope && within, () => work(carrier), done);
  }

  inside<T>(scope: Scope, work: () => T, done?: Done): T {
    return this.#within(this.#contextOf(scope), work, done);
  }

  through<I extends AsyncIterable<unknown>>(
    scope: Scope,
    stream: I,
    done: StreamDone = () => {},
    see?: (value: unknown) => void,
  ): I {
    const within = this.#contextOf(scope);
    const step = (value: unknown): void => {
      this.#receive({ type: 'run.progress', run: scope.run }, this.#clock.now());
      this.#guard('through', () => see?.(value));
    };
    if (within && this.#guard('through', () => followStream(within, stream, done, step))) return stream;
    if (within) this.warn('a stream is frozen, or was given before: it is not traced; give a new one');
    done();
    return stream;
  }

  outside<T>(work: () => T): T {
    return runInContext(ROOT_CONTEXT, work);
  }

  here(): RunId | null | undefined {
    const run = frameIn(aroundWhatIsOver(activeContext()))?.run;
    if (run === undefined) return undefined;
    return run.attachment === this.#identity ? run.id : null;
  }

  place(): Place | undefined {
    const active = activeContext();
    const run = frameIn(aroundWhatIsOver(active))?.run;
    if (run?.attachment !== this.#identity || run.phase() !== 'open' || isTracingSuppressed(active)) return undefined;
    return { run: run.id, call: run.call, isRecorded: this.#runs.get(run.id)?.isRecorded === true };
  }

  isSuppressed(): boolean {
    return isTracingSuppressed(activeContext());
  }

  mint(): RunId {
    this.#minted += 1;
    return `run-${this.#minted}`;
  }

  caller(name: CallerName): void {
    this.#guard('caller', () => this.#release(this.#held.name(name, activeContext())));
  }

  forget(name: CallerName): void {
    this.#held.take(name);
  }

  later(milliseconds: number, native: Native): () => void {
    return this.#after(milliseconds, () => this.deliver(native));
  }

  guard(work: () => void): void {
    if (this.#stopped) return;
    try {
      work();
    } catch (error) {
      this.#report('listener', error);
    }
  }

  now(): Millis {
    return this.#clock.now();
  }

  warn(message: string): void {
    this.#settings.ledger().warnOnce(`${this.#adapter.name}: ${message}`);
  }

  /** Closes what is open, as abandoned, and forgets everything. Afterwards, work passed to the tap just runs. */
  stop(): void {
    if (this.#stopped) return;
    this.#guard('stop', () => this.#release(this.#held.all()));
    this.#runs.abandonAll();
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #receive(event: RunEvent, at: Millis): void {
    try {
      if (event.type === 'session.end') this.#endSession(event.session, at);
      else if (this.#held.keep(event, at)) return;
      else if (event.type === 'run.start') this.#start(event, at);
      else this.#handle(event, at);
    } catch (error) {
      this.#report(event.type, error);
    }
  }

  #start(event: RunStart, at: Millis): void {
    if (this.#runs.get(event.run)?.isOpen) return;
    if (event.caller !== undefined && !this.#runs.get(event.run)) {
      const known = this.#held.callerOf(event, at);
      if (known) this.#begin(event, at, known);
      return;
    }
    this.#begin(event, at, activeContext());
  }

  #begin(event: RunStart, at: Millis, base: Context): void {
    if (!this.#runs.get(event.run) && isTracingSuppressed(base)) return;
    const run = this.#runs.get(event.run) ?? this.#open(event.run, base, []);
    if (!this.#adapter.isService && isSeenTwice(run, this.#identity)) {
      this.#drop(run);
      return;
    }
    if (this.#adapter.takesTurns) run.base = aroundWhatIsOver(run.base, (around) => this.#isTurnBefore(around, event));
    run.begin(event, at);
    this.#remember(event.session, run.session);
    if (!run.session.isSettled && run.ownsSession) {
      run.session.whenKnown(this.#after(this.#settings.late.deadlineMillis, () => this.#settle(run)));
    }
  }

  #handle(event: Exclude<RunEvent, { type: 'run.start' | 'session.end' }>, at: Millis): void {
    const run = this.#runs.get(event.run);
    if (!run) return;
    if (event.type === 'session.bind') {
      run.bind(event);
      this.#remember(event.id, run.session);
      return;
    }
    if (event.type === 'run.end') this.#settle(run);
    try {
      run.handle(event, at);
    } finally {
      if (!run.isOpen && !run.isPending) this.#runs.remove(run);
    }
  }

  /** A run in the shadow of one that is over does not belong in it: it starts where that one did. */
  #open(id: RunId, active: Context, owners: readonly object[]): Run {
    const base = aroundWhatIsOver(active);
    if (this.#runs.size === 0) this.#clock.anchor();
    const target = this.#identity.target.deref();
    const { explicitSession: explicit } = this;
    const { environment, late, recorder, aliases } = this.#settings;
    const { session, ownsSession } = sessionOfRun({
      base,
      explicit,
      owners: target && !owners.includes(target) ? [...owners, target] : owners,
      environment,
      limits: late,
      reject: (source, problem) => recorder.reject(this.#adapter.name, source, problem),
    });
    session.alsoAs(aliases);
    const { name: engine, isService = false } = this.#adapter;
    const calledAt = this.#clock.now();
    const origin = { id, engine, isService, attachment: this.#identity, base, calledAt, session, ownsSession };
    const run = new Run(origin, recorder);
    this.#runs.add(run);
    return run;
  }

  #isTurnBefore({ attachment, id }: EnclosingRun, event: RunStart): boolean {
    return attachment === this.#identity && this.#runs.get(id)?.isOf(event) === true;
  }

  #remember(engineSession: string | undefined, session: Session): void {
    if (isSessionId(engineSession)) this.#sessions.set(engineSession, session);
  }

  #endSession(engineSession: string, at: Millis): void {
    const session = this.#sessions.get(engineSession);
    this.#sessions.delete(engineSession);
    if (session) this.#settings.recorder.endSession(session, at);
  }

  /** The call that a run came from is over. */
  #left(run: Run): void {
    if (run.isPending) this.#drop(run);
    else if (run.isOpen && run.calledAt <= this.#failedAt) {
      this.#runs.remove(run);
      this.#abandon(run);
    }
  }

  #drop(run: Run): void {
    this.#runs.remove(run);
    run.forget();
    this.#settle(run);
  }

  #abandon(run: Run): void {
    this.#guard('abandon', () => this.#adapter.abandon?.(run.id, this.#state));
    this.#guard('abandon', () => {
      run.forget();
      this.#settle(run);
      run.end({ kind: 'error', type: 'abandoned' });
    });
  }

  /** No engine will name this session any more. */
  #settle(run: Run): void {
    if (!run.ownsSession || run.session.isSettled) return;
    if (run.isOpen && this.#settings.fallback === 'generate') run.session.bind(randomUUID(), 'generated');
    else run.session.settle();
  }

  #release(events: readonly HeldEvent[]): void {
    for (const { event, at, base } of events) {
      if (event.type === 'run.start') this.#guard('run.start', () => this.#begin(event, at, base));
      else this.#receive(event, at);
    }
  }

  #contextOf(scope: Scope | CallerScope): Context | undefined {
    if ('caller' in scope) return aroundWhatIsOver(this.#held.contextOf(scope.caller) ?? ROOT_CONTEXT);
    const within = this.#stopped ? undefined : this.#runs.get(scope.run)?.contextOf(scope.call);
    if (!within || scope.span === undefined) return within;
    return this.#settings.recorder.below?.(within, scope.span) ?? within;
  }

  #after(milliseconds: number, work: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#guard('timer', work);
    }, milliseconds).unref();
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  /** Works in this context, if any, and says how it went. */
  #within<T>(within: Context | undefined, work: () => T, done: Done | undefined): T {
    const followed = (): T =>
      done ? afterCall(work, (value, failure) => this.guard(() => done(value, failure))) : work();
    return within ? runInContext(within, followed) : followed();
  }

  #guard<T>(what: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#report(what, error);
      return undefined;
    }
  }

  #report(what: string, error: unknown): void {
    this.#failedAt = this.#clock.now();
    if (this.#reported.has(what)) return;
    this.#reported.add(what);
    say('error', `${this.#adapter.name}: ${what} failed; this is said once`, error);
  }
}
