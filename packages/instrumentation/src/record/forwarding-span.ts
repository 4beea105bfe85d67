import {
  INVALID_SPAN_CONTEXT,
  type AttributeValue,
  type Attributes,
  type Exception,
  type Link,
  type Span,
  type SpanContext,
  type SpanStatus,
  type TimeInput,
} from '@opentelemetry/api';

/**
 * Stands for a span that may not exist yet: the context of a call is made before anybody knows whether the call will
 * be a run. Whatever it is asked goes to the span of the moment; it is never ended through this.
 */
export class ForwardingSpan implements Span {
  readonly #target: () => Span | undefined;

  constructor(target: () => Span | undefined) {
    this.#target = target;
  }

  spanContext(): SpanContext {
    return this.#target()?.spanContext() ?? INVALID_SPAN_CONTEXT;
  }

  setAttribute(key: string, value: AttributeValue): this {
    this.#target()?.setAttribute(key, value);
    return this;
  }

  setAttributes(attributes: Attributes): this {
    this.#target()?.setAttributes(attributes);
    return this;
  }

  addEvent(name: string, attributesOrStartTime?: Attributes | TimeInput, startTime?: TimeInput): this {
    this.#target()?.addEvent(name, attributesOrStartTime, startTime);
    return this;
  }

  addLink(link: Link): this {
    this.#target()?.addLink(link);
    return this;
  }

  addLinks(links: Link[]): this {
    this.#target()?.addLinks(links);
    return this;
  }

  setStatus(status: SpanStatus): this {
    this.#target()?.setStatus(status);
    return this;
  }

  updateName(name: string): this {
    this.#target()?.updateName(name);
    return this;
  }

  end(): void {
    // The span behind this is ended by whoever started it.
  }

  isRecording(): boolean {
    return this.#target()?.isRecording() ?? false;
  }

  recordException(exception: Exception, time?: TimeInput): void {
    this.#target()?.recordException(exception, time);
  }
}
