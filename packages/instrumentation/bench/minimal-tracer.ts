import type { Span as EngineSpan, Trace, TracingProcessor } from '@openai/agents';
import { ROOT_CONTEXT, trace, type Context, type Span, type Tracer } from '@opentelemetry/api';

/**
 * What a good engineer would write in an afternoon on the SDK's own tracing: a span for each of its spans, with a name,
 * a type and a session, and nothing else. No context for what happens inside, no usage, no errors, no bounds.
 */
export class MinimalTracer implements TracingProcessor {
  readonly #tracer: Tracer;
  readonly #open = new Map<string, { readonly span: Span; readonly context: Context }>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  async onTraceStart({ traceId, name }: Trace): Promise<void> {
    this.#start(traceId, name, 'trace', ROOT_CONTEXT);
  }

  async onTraceEnd({ traceId }: Trace): Promise<void> {
    this.#end(traceId);
  }

  async onSpanStart({ spanId, parentId, traceId, spanData }: EngineSpan<never>): Promise<void> {
    const { type, name }: { readonly type: string; readonly name?: string } = spanData;
    this.#start(spanId, name ?? type, type, this.#open.get(parentId ?? traceId)?.context ?? ROOT_CONTEXT);
  }

  async onSpanEnd({ spanId }: EngineSpan<never>): Promise<void> {
    this.#end(spanId);
  }

  async shutdown(): Promise<void> {}

  async forceFlush(): Promise<void> {}

  #start(id: string, name: string, type: string, parent: Context): void {
    const attributes = { 'session.id': 'conv-42', 'gen_ai.operation.name': type, 'gen_ai.provider.name': 'openai' };
    const span = this.#tracer.startSpan(name, { attributes }, parent);
    this.#open.set(id, { span, context: trace.setSpan(parent, span) });
  }

  #end(id: string): void {
    this.#open.get(id)?.span.end();
    this.#open.delete(id);
  }
}
