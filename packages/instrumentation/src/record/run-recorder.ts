import type { SpanContext } from '@opentelemetry/api';
import type { Ledger } from '../ledger.ts';
import type { Run } from '../run.ts';
import type { RunListener } from '../recorder.ts';
import type { Millis } from '../run-event.ts';
import type { Session, SessionSource } from '../session/session.ts';
import { tell } from './tell.ts';

/** What a recorder works with. */
export interface RunRecorderOptions {
  readonly ledger: () => Ledger;
  /** What else hears of it. */
  readonly listeners: readonly RunListener[];
}

/** What every recorder does, with spans or without: it knows the turns, and tells the listeners. */
export class RunRecorder {
  protected readonly listeners: readonly RunListener[];
  readonly #ledger: () => Ledger;

  constructor({ ledger, listeners }: RunRecorderOptions) {
    this.#ledger = ledger;
    this.listeners = listeners;
  }

  reject(engine: string, source: SessionSource, problem: string): void {
    const what = source === 'environment' ? 'TURNKEEPER_SESSION_ID' : `the ${source} session id`;
    this.#ledger().warnOnce(`${engine}: ${what} is ignored: ${problem}`);
    tell(this.listeners, (listener) => listener.rejected?.(engine, source));
  }

  endSession(session: Session, at: Millis): void {
    tell(this.listeners, (listener) => listener.sessionEnded?.(session, at));
  }

  /** Numbers the run where it is a turn of its session; `span` is what the next turn links to. Returns the last one's. */
  protected enterTurn(run: Run, span?: SpanContext): SpanContext | undefined {
    const { id } = run.session;
    if (id === undefined || run.task !== undefined || run.isNested) return undefined;
    const { number, previous } = this.#ledger().enterTurn(id, span);
    run.turn = number;
    return previous?.span;
  }
}
