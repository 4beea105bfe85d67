import type { AttributeValue, Context } from '@opentelemetry/api';
import { stampsOf } from '../record/session-attributes.ts';
import { activeContext } from '../session/active-session.ts';
import type { Session } from '../session/session.ts';
import { sessionOf } from './session-of.ts';

/** A log record processor by its shape, so that those of either line fit. */
export interface LogRecordProcessorLike<Record = never> {
  onEmit(record: Record, context?: Context): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

interface LogRecordLike {
  readonly attributes: object;
  setAttribute(name: string, value: AttributeValue): unknown;
}

/**
 * Stamps every log record inside a run or a `withSession` with `session.id`, unless it carries one. Around the
 * processor that exports: records of a session whose id is still to come wait for it, in order. Beside it, before it.
 */
export class SessionLogProcessor<Record extends LogRecordLike = LogRecordLike> {
  readonly #next: LogRecordProcessorLike<Record> | undefined;
  readonly #waiting = new Set<Session>();

  constructor(next?: LogRecordProcessorLike<Record>) {
    this.#next = next;
  }

  onEmit(record: Record, context?: Context): void {
    const session = sessionOf(context ?? activeContext());
    if (!session || session.isSettled) {
      if (session) stamp(record, session);
      this.#next?.onEmit(record, context);
      return;
    }
    this.#waiting.add(session);
    session.hold(() => {
      if (session.isSettled || session.held === 0) this.#waiting.delete(session);
      stamp(record, session);
      this.#next?.onEmit(record, context);
    });
  }

  async forceFlush(): Promise<void> {
    this.#release();
    await this.#next?.forceFlush();
  }

  async shutdown(): Promise<void> {
    this.#release();
    await this.#next?.shutdown();
  }

  #release(): void {
    for (const session of this.#waiting) session.release();
    this.#waiting.clear();
  }
}

function stamp(record: LogRecordLike, session: Session): void {
  for (const [name, value] of Object.entries(stampsOf(session))) {
    if (value !== undefined && !Object.hasOwn(record.attributes, name)) record.setAttribute(name, value);
  }
}
