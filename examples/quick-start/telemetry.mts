import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace';
import { SessionSpanProcessor, TurnkeeperInstrumentation } from '@turnkeeper/instrumentation';

const sdk = new NodeSDK({
  instrumentations: [new TurnkeeperInstrumentation()],
  spanProcessors: [new SessionSpanProcessor(new BatchSpanProcessor({ exporter: new OTLPTraceExporter() }))],
});
sdk.start();
process.once('beforeExit', () => {
  sdk.shutdown().catch((error) => console.error('not exported:', error.message || error.code));
});
