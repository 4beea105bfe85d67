import type { Adapter } from '../../adapter.ts';
import type { RivetClient, RivetNative } from './native.ts';
import { attach, patches } from './patch.ts';
import { abandon, scope, start, translate, type RivetState } from './translate.ts';

/** Rivet: one `SandboxAgent` of `sandbox-agent`, with all its sessions and connections. */
export const rivet: Adapter<RivetClient, RivetNative, RivetState> = {
  name: 'rivet',
  engine: { package: 'sandbox-agent', range: '>=0.4 <1' },
  takesTurns: true,
  start,
  translate,
  scope,
  abandon,
  attach,
  patches,
};

export type { RivetClient, RivetNative } from './native.ts';
export type { RivetState } from './translate.ts';
