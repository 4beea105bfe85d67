export { observe, type Observation, type ObserveOptions } from './observe.ts';
export { ENGINE_NAMES, type EngineName, TurnkeeperInstrumentation, type TurnkeeperConfig } from './instrumentation.ts';
export { SessionSpanProcessor } from './sdk/session-span-processor.ts';
export { currentSession, withSession, type CurrentSession, type SessionOptions } from './session/active-session.ts';
export { isSessionId } from './session/session-id.ts';
export type { RunInfo } from './record/events.ts';
export type { SessionSource } from './session/session.ts';
