import { createContextKey, type Context } from '@opentelemetry/api';

/** The key of `suppressTracing` in @opentelemetry/core: the API makes equal keys of equal descriptions. */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Whether somebody has switched tracing off in this context (an exporter's own requests, for one). */
export function isTracingSuppressed(context: Context): boolean {
  return context.getValue(SUPPRESS_TRACING) === true;
}
