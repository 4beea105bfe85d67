import type { Attributes, Context, Span } from '@opentelemetry/api';
import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_SESSION_ID,
  ATTR_TURNKEEPER_SESSION_OVERWRITTEN,
} from '../record/semconv.ts';
import { hasConversation, namesConversation, stampsOf } from '../record/session-attributes.ts';
import { noteSession, sessionOn } from '../session/noted-session.ts';
import type { Session } from '../session/session.ts';
import { LateSessions } from './late-sessions.ts';
import { processorIn } from './processor.ts';
import { sessionOf, withAttributes } from './session-of.ts';

/** A span processor by its shape, so that those of SDK 1.x, 2.x and 3.x all fit. */
export interface SpanProcessorLike<StartedSpan extends Span = never, EndedSpan = never> {
  onStart(span: StartedSpan, parentContext: Context): void;
  onEnding?(span: StartedSpan): void;
  onEnd(span: EndedSpan): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** What is read of a span of the SDK's besides what the API shows. */
type ReadableSpan = object & { readonly attributes?: Attributes };

export interface SessionSpanProcessorOptions {
  /** Further names to write the id under, for spans outside every run too: `langfuse.session.id`, … */
  readonly alsoAs?: readonly string[];
  /** Write `gen_ai.conversation.id` on every span, not on GenAI spans only. Exporting an attribute is what costs. */
  readonly conversationOnEverySpan?: boolean;
}

/**
 * Stamps every span inside a run or a `withSession`, ours or anybody's (HTTP, database, the user's), with `session.id`.
 * What another instrumentation writes in its place, at the span's start or later, is kept in
 * `turnkeeper.session.overwritten`; ours is put back when the span ends.
 *
 * Around the processor that exports: `spanProcessors: [new SessionSpanProcessor(exporting)]`. Then a span that ends
 * before its session's id is known waits for it, in order: 5 seconds at most, and until a flush.
 * Beside it: `spanProcessors: [new SessionSpanProcessor(), exporting]`, before the one that exports.
 */
export class SessionSpanProcessor<StartedSpan extends Span = Span, EndedSpan extends object = object> {
  readonly #next: SpanProcessorLike<StartedSpan, EndedSpan> | undefined;
  readonly #options: SessionSpanProcessorOptions;
  readonly #alsoAs: readonly string[] | undefined;
  readonly #late = new LateSessions();
  /** Where the program limits its attributes' texts: known once the SDK has kept the beginning of an id only. */
  #textLimit: number | undefined;
  /** The length of the longest id that was looked at for that. */
  #longest = 0;
  /** For open spans whose session's id is still to come: what stops waiting for it. */
  readonly #forget = new WeakMap<object, () => void>();

  /** @throws TurnkeeperError `invalid-option` where what is given is no span processor. */
  constructor(next?: SpanProcessorLike<StartedSpan, EndedSpan>, options: SessionSpanProcessorOptions = {}) {
    this.#next = processorIn('SessionSpanProcessor', next, 'onStart');
    this.#options = options;
    // A program without types may give one name alone.
    this.#alsoAs = options.alsoAs && [options.alsoAs].flat();
  }

  onStart(span: StartedSpan, parentContext: Context): void {
    const session = sessionOf(parentContext);
    try {
      if (session) {
        if (this.#alsoAs) session.alsoAs(this.#alsoAs);
        this.#stamp(span, session);
        // The id may be known, and that of the session around it still to come.
        if (!session.isSettled) this.#stampLater(span, session);
        noteSession(span, session);
      }
    } catch {
      // A span that takes nothing is passed on as it is.
    }
    this.#next?.onStart(span, parentContext);
  }

  onEnding(span: StartedSpan): void {
    const session = sessionOn(span);
    const missing = session && this.#missing(session, attributesOf(span));
    if (missing) span.setAttributes(missing);
    this.#next?.onEnding?.(span);
  }

  onEnd(span: EndedSpan): void {
    const session = sessionOn(span);
    if (!session || session.isSettled) {
      this.#next?.onEnd(session ? this.#overlay(span, session) : span);
      return;
    }
    this.#forget.get(span)?.();
    session.hold(() => this.#next?.onEnd(this.#overlay(span, session, true)));
  }

  async forceFlush(): Promise<void> {
    this.#late.release();
    await this.#next?.forceFlush();
  }

  async shutdown(): Promise<void> {
    this.#late.release();
    await this.#next?.shutdown();
  }

  #stampLater(span: StartedSpan, session: Session): void {
    this.#late.add(session);
    this.#forget.set(
      span,
      session.whenKnown(() => this.#stamp(span, session)),
    );
  }

  #stamp(span: Span, session: Session): void {
    const { id } = session;
    if (id === undefined) return;
    const attributes = attributesOf(span);
    const other = attributes[ATTR_SESSION_ID];
    const isPlain = (other === undefined || other === id) && !this.#options.conversationOnEverySpan;
    const before = isPlain ? undefined : { ...attributes };
    span.setAttributes(stampsOf(session));
    if (id.length > this.#longest) this.#lookWhatIsKept(span, id);
    const missing = before && this.#missing(session, before);
    if (missing) span.setAttributes(missing);
  }

  /** The SDK may cut texts, and says so nowhere. */
  #lookWhatIsKept(span: Span, id: string): void {
    this.#longest = id.length;
    const kept = attributesOf(span)[ATTR_SESSION_ID];
    if (kept && kept !== id && typeof kept === 'string' && id.startsWith(kept)) this.#textLimit = kept.length;
  }

  /** What an ended span lacks is put in front of it: an ended span takes no attributes. */
  #overlay(span: EndedSpan, session: Session, hasWaited = false): EndedSpan {
    const attributes = attributesOf(span);
    const missing = this.#missing(session, attributes);
    if (!missing && !hasWaited) return span;
    return withAttributes(span, { ...stampsOf(session), ...attributes, ...missing });
  }

  /** The stamps that are not there or have another value; undefined, as nearly always, where all is well. */
  #missing(session: Session, attributes: Attributes): Attributes | undefined {
    const id = this.#textLimit === undefined ? session.id : session.id?.slice(0, this.#textLimit);
    if (id === undefined) return undefined;
    const other = attributes[ATTR_SESSION_ID];
    const otherConversation = attributes[ATTR_GEN_AI_CONVERSATION_ID];
    const operation = attributes[ATTR_GEN_AI_OPERATION_NAME];
    const namesIt =
      (this.#options.conversationOnEverySpan === true || namesConversation(operation)) && hasConversation(session);
    const alias = this.#alsoAs?.[0];
    const isAliased = alias === undefined || attributes[alias] !== undefined;
    if (other === id && isAliased && (!namesIt || otherConversation === id)) return undefined;
    // What was at work already where the session was bound did not start in it.
    if (this.#alsoAs) session.alsoAs(this.#alsoAs);
    const missing: Attributes = { ...stampsOf(session), [ATTR_SESSION_ID]: id };
    if (namesIt) missing[ATTR_GEN_AI_CONVERSATION_ID] = id;
    const isTheirs = other !== undefined && other !== id;
    const overwritten = isTheirs ? other : namesIt && otherConversation !== id ? otherConversation : undefined;
    if (overwritten !== undefined) missing[ATTR_TURNKEEPER_SESSION_OVERWRITTEN] = String(overwritten);
    return missing;
  }
}

const NONE: Attributes = {};

function attributesOf(span: ReadableSpan): Attributes {
  return span.attributes ?? NONE;
}
