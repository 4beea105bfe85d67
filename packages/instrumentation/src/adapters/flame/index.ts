import type { Adapter } from '../../adapter.ts';
import type { FlameClient, FlameNative } from './native.ts';
import { attach, patches } from './patch.ts';
import { abandon, scope, start, translate, type FlameState } from './translate.ts';

/** Flame: one `@grpc/grpc-js` client of its `flame.v1.Frontend` service. A session is a conversation, a task a turn. */
export const flame: Adapter<FlameClient, FlameNative, FlameState> = {
  name: 'flame',
  engine: { package: '@grpc/grpc-js', range: '>=1.10 <2' },
  takesTurns: true,
  start,
  translate,
  scope,
  abandon,
  attach,
  patches,
};

export type { FlameClient, FlameNative, FlameTask } from './native.ts';
export type { FlameState } from './translate.ts';
