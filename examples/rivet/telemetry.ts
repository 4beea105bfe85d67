/** Loaded before the program: `node --import @turnkeeper/instrumentation/hook --import ./telemetry.ts conversation.ts`. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { SessionSpanProcessor, TurnkeeperInstrumentation } from '@turnkeeper/instrumentation';

const sdk = new NodeSDK({
  serviceName: 'rivet-example',
  instrumentations: [new TurnkeeperInstrumentation(), new UndiciInstrumentation()],
  spanProcessors: [new SessionSpanProcessor(new BatchSpanProcessor(new OTLPTraceExporter()))],
});
sdk.start();
process.once('beforeExit', () => {
  sdk.shutdown().catch((error) => console.error('not exported:', error.message || error.code));
});
