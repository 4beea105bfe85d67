export { observe, type Observation, type ObserveOptions } from './observe.ts';
export { traceService, type TraceServiceOptions } from './trace-service.ts';
export { ENGINE_NAMES, type EngineName, TurnkeeperInstrumentation, type TurnkeeperConfig } from './instrumentation.ts';
export { SessionSpanProcessor, type SessionSpanProcessorOptions } from './sdk/session-span-processor.ts';
export { SessionLogProcessor } from './sdk/session-log-processor.ts';
export { SessionSampler, type SessionSamplerOptions } from './sdk/session-sampler.ts';
export { SessionPropagator, type SessionPropagatorOptions } from './propagation/session-propagator.ts';
export { currentSession, withSession, type CurrentSession } from './session/active-session.ts';
export { attachSession, SessionContext, sessionContext } from './session/session-context.ts';
export { readEnvelope, withEnvelope, type Envelope, type EnvelopeFields } from './session/envelope.ts';
export type { SessionOptions } from './session/session-details.ts';
export { isSessionId } from './session/session-id.ts';
export type { SessionSource } from './session/session.ts';
export type { ContentOption, ContentPlace } from './record/content.ts';
export { RUN_START_CHANNEL, type RunInfo } from './record/events.ts';
export { TurnkeeperError, type TurnkeeperErrorCode } from './turnkeeper-error.ts';
export type { RunOptions } from './settings.ts';
export {
  carrierFromEnvironment,
  carrierFromHeaders,
  carrierFromMeta,
  environmentCarrier,
  withCarrier,
} from './propagation/carriers.ts';
export type { Carrier } from './adapter.ts';
