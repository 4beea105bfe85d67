import type { Adapter } from '../../adapter.ts';
import type { OpenAIAgentsNative, OpenAIRunnerClass } from './native.ts';
import { attach, patches } from './patch.ts';
import { scope, start, translate, type OpenAIAgentsState } from './translate.ts';

/** OpenAI Agents: the `Runner` class of `@openai/agents`. */
export const openaiAgents: Adapter<OpenAIRunnerClass, OpenAIAgentsNative, OpenAIAgentsState> = {
  name: 'openai-agents',
  engine: { package: '@openai/agents', range: '>=0.12.0 <1' },
  start,
  translate,
  scope,
  attach,
  patches,
};

export type { OpenAIAgentsNative, OpenAICall, OpenAIResponse, OpenAIRunnerClass } from './native.ts';
export { withRunContext } from './run-context.ts';
export type { OpenAIAgentsState } from './translate.ts';
