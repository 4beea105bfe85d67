import type { Attributes, AttributeValue, Context } from '@opentelemetry/api';
import { stampsOf } from '../record/session-attributes.ts';
import { activeContext } from '../session/active-session.ts';
import { LateSessions } from './late-sessions.ts';
import { processorIn } from './processor.ts';
import { sessionOf, withAttributes } from './session-of.ts';

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
  readonly #late = new LateSessions();

  /** @throws TurnkeeperError `invalid-option` where what is given is no log record processor. */
  constructor(next?: LogRecordProcessorLike<Record>) {
    this.#next = processorIn('SessionLogProcessor', next, 'onEmit');
  }

  onEmit(record: Record, context?: Context): void {
    const session = sessionOf(context ?? activeContext());
    if (session) stamp(record, stampsOf(session));
    if (session && !session.isSettled) {
      this.#late.add(session);
      session.hold(() => {
        const attributes = { ...stampsOf(session), ...record.attributes };
        this.#next?.onEmit(session.id === undefined ? record : withAttributes(record, attributes), context);
      });
      return;
    }
    this.#next?.onEmit(record, context);
  }

  async forceFlush(): Promise<void> {
    this.#late.release();
    await this.#next?.forceFlush();
  }

  async shutdown(): Promise<void> {
    this.#late.release();
    await this.#next?.shutdown();
  }
}

function stamp(record: LogRecordLike, stamps: Attributes): void {
  for (const [name, value] of Object.entries(stamps)) {
    if (value !== undefined && !Object.hasOwn(record.attributes, name)) record.setAttribute(name, value);
  }
}
