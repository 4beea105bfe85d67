import { SpanStatusCode, type Context, type Span } from '@opentelemetry/api';
import { isObject } from '../narrow.ts';
import { ATTR_ERROR_TYPE } from '../record/semconv.ts';
import { SCOPE_NAME } from '../version.ts';
import type { SpanProcessorLike } from './session-span-processor.ts';

type EndedSpan = Pick<Span, 'spanContext'>;

/**
 * Around a processor that exports, inside a SessionSpanProcessor: when it is shut down, what is open of ours ends as
 * abandoned. A turn whose root is not exported leaves orphans.
 */
export class OpenSpans implements SpanProcessorLike<Span, EndedSpan> {
  /** How many spans have been started, anybody's. */
  started = 0;
  readonly #next: SpanProcessorLike<Span, EndedSpan>;
  readonly #open = new Map<string, Span>();

  constructor(next: SpanProcessorLike<Span, EndedSpan>) {
    this.#next = next;
  }

  onStart(span: Span, parentContext: Context): void {
    this.started += 1;
    if (isOurs(span)) this.#open.set(span.spanContext().spanId, span);
    this.#next.onStart(span, parentContext);
  }

  onEnding(span: Span): void {
    this.#next.onEnding?.(span);
  }

  onEnd(span: EndedSpan): void {
    this.#open.delete(span.spanContext().spanId);
    this.#next.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush();
  }

  shutdown(): Promise<void> {
    // The last that was started is the innermost.
    for (const span of [...this.#open.values()].toReversed()) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttribute(ATTR_ERROR_TYPE, 'abandoned');
      span.end();
    }
    return this.#next.shutdown();
  }
}

function isOurs(span: Span): boolean {
  const scope: unknown = Reflect.get(span, 'instrumentationScope');
  return isObject(scope) && Reflect.get(scope, 'name') === SCOPE_NAME;
}
