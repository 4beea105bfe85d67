import type { Adapter } from '../../adapter.ts';
import type { PiNative, PiSession } from './native.ts';
import { attach, patches } from './patch.ts';
import { scope, start, translate, type PiState } from './translate.ts';

/** Pi: one `AgentSession` of `@earendil-works/pi-coding-agent`. */
export const pi: Adapter<PiSession, PiNative, PiState> = {
  name: 'pi',
  engine: { package: '@earendil-works/pi-coding-agent', range: '>=0.79 <2' },
  takesTurns: true,
  start,
  translate,
  scope,
  attach,
  patches,
};

export type { PiNative, PiSession } from './native.ts';
export type { PiState } from './translate.ts';
