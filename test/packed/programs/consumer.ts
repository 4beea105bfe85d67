/** What users write, against our types: compiled where they are installed, with the libraries' types checked too. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace';
import { ConsoleLogRecordExporter, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { check, createCapture } from '@turnkeeper/check';
import {
  ENGINE_NAMES,
  SessionLogProcessor,
  SessionPropagator,
  SessionSampler,
  SessionSpanProcessor,
  TurnkeeperInstrumentation,
  observe,
  withSession,
  traceService,
  type RunInfo,
} from '@turnkeeper/instrumentation';
import { pi, type PiSession } from '@turnkeeper/instrumentation/pi';
import type { Adapter } from '@turnkeeper/instrumentation/adapter';
import { ATTR_SESSION_ID } from '@turnkeeper/instrumentation/semconv';
import '@turnkeeper/instrumentation/middleware';

const capture = createCapture();
const starts: RunInfo[] = [];
export const sdk = new NodeSDK({
  instrumentations: [new TurnkeeperInstrumentation({ onRunStart: (run) => starts.push(run) })],
  spanProcessors: [
    new SessionSpanProcessor(new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })),
    new SessionSpanProcessor(capture.spanProcessor),
  ],
  logRecordProcessors: [
    new SessionLogProcessor(new SimpleLogRecordProcessor({ exporter: new ConsoleLogRecordExporter() })),
  ],
  sampler: new SessionSampler({ ratio: 1 }),
  textMapPropagator: new SessionPropagator({ send: ['localhost'] }),
});
export const answer: Promise<number> = withSession('conv-42', async () => 42);
export const greet: (name: string) => string = traceService((name: string) => `hello ${name}`, { name: 'greeter' });
export const engines: readonly string[] = ENGINE_NAMES;
export const turnOf = (session: PiSession): number | undefined => observe(pi, session).runs()[0]?.turn;
export const findings: readonly string[] = check(capture).map(({ rule }) => rule);
export const attribute: 'session.id' = ATTR_SESSION_ID;
export type Mine = Adapter<object, unknown, unknown>;
