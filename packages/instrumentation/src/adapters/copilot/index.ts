import type { Adapter } from '../../adapter.ts';
import type { CopilotClient, CopilotNative } from './native.ts';
import { attach, patches } from './patch.ts';
import { tracesItself } from './reading.ts';
import { scope, start, translate, type CopilotState } from './translate.ts';

/** GitHub Copilot: one `CopilotClient` of `@github/copilot-sdk`, with all its sessions. */
export const copilot: Adapter<CopilotClient, CopilotNative, CopilotState> = {
  name: 'copilot',
  engine: { package: '@github/copilot-sdk', range: '>=1.0.14 <2' },
  takesTurns: true,
  start,
  translate,
  scope,
  attach,
  tracesItself,
  patches,
};

export type { CopilotClient, CopilotEvent, CopilotNative, CopilotRequest } from './native.ts';
export type { CopilotState } from './translate.ts';
