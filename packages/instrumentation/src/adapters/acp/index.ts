import type { Adapter } from '../../adapter.ts';
import type { AcpClient, AcpNative } from './native.ts';
import { attach, patches } from './patch.ts';
import { abandon, scope, start, translate, type AcpState } from './translate.ts';

/** The Agent Client Protocol: one client of `@agentclientprotocol/sdk`, of the API of 2.x or the one before. */
export const acp: Adapter<AcpClient, AcpNative, AcpState> = {
  name: 'acp',
  engine: { package: '@agentclientprotocol/sdk', range: '>=0.16 <3' },
  takesTurns: true,
  start,
  translate,
  scope,
  abandon,
  attach,
  patches,
};

export type { AcpClient, AcpNative } from './native.ts';
export type { AcpState } from './translate.ts';
