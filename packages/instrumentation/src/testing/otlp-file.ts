import { appendFileSync } from 'node:fs';
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import {
  SimpleSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { SessionSpanProcessor } from '../sdk/session-span-processor.ts';

/** Stamps every span with its session and writes it, once it has ended, as a line of OTLP JSON. */
export function otlpFileProcessor(file: string): SpanProcessor {
  return new SessionSpanProcessor(new SimpleSpanProcessor(new OtlpFileExporter(file)));
}

class OtlpFileExporter implements SpanExporter {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  export(spans: ReadableSpan[], done: (result: { code: number }) => void): void {
    appendFileSync(this.#file, `${new TextDecoder().decode(JsonTraceSerializer.serializeRequest(spans))}\n`);
    done({ code: 0 });
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}
