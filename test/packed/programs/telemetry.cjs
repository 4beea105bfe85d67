const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { BatchSpanProcessor } = require('@opentelemetry/sdk-trace');
const { SessionSpanProcessor, TurnkeeperInstrumentation } = require('@turnkeeper/instrumentation');

const sdk = new NodeSDK({
  instrumentations: [new TurnkeeperInstrumentation()],
  spanProcessors: [new SessionSpanProcessor(new BatchSpanProcessor({ exporter: new OTLPTraceExporter() }))],
});
sdk.start();
process.once('beforeExit', () => {
  sdk.shutdown().catch((error) => console.error('not exported:', error.message || error.code));
});
