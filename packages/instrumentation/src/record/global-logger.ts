import * as api from '@opentelemetry/api';
import { SCOPE_NAME, VERSION } from '../version.ts';
import type { LoggerLike } from './events.ts';

/** Where the logs API of the 2.x line, a package of its own, keeps its provider. */
const LOGS_API = Symbol.for('io.opentelemetry.js.api.logs');

/** The logger of the globally registered provider, of either line; undefined where logs are not set up. */
export function globalLogger(): LoggerLike | undefined {
  const inApi: unknown = Reflect.get(api, 'logs');
  const found = loggerOf(call(inApi, 'getLoggerProvider')) ?? loggerOf(provided());
  return found;
}

/** The 2.x logs API hands its provider out by version. */
function provided(): unknown {
  const getter: unknown = Reflect.get(globalThis, LOGS_API);
  return typeof getter === 'function' ? getter(1) : undefined;
}

function loggerOf(provider: unknown): LoggerLike | undefined {
  const logger = call(provider, 'getLogger', SCOPE_NAME, VERSION);
  return isLogger(logger) ? logger : undefined;
}

function call(target: unknown, method: string, ...args: unknown[]): unknown {
  if (typeof target !== 'object' || target === null) return undefined;
  const member: unknown = Reflect.get(target, method);
  return typeof member === 'function' ? Reflect.apply(member, target, args) : undefined;
}

function isLogger(value: unknown): value is LoggerLike {
  return typeof value === 'object' && value !== null && 'emit' in value;
}
