import { OpenAIProvider, Runner } from '@openai/agents';
import OpenAI from 'openai';

export interface OpenAIAgentsOptions {
  /** Where the model server listens. */
  readonly url: string;
  /** Default: Responses. */
  readonly api?: 'chat' | 'responses';
  /** How often the OpenAI client tries again by itself. Default: 0. */
  readonly maxRetries?: number;
}

/** A real `Runner` of OpenAI Agents on the model server, and what its sessions need. */
export interface OpenOpenAIAgents {
  readonly runner: Runner;
  readonly provider: OpenAIProvider;
  readonly client: OpenAI;
}

/** Opens OpenAI Agents on the model server, with the SDK's own tracing off: its exporter would call OpenAI. */
export function openOpenAIAgents({ url, api = 'responses', maxRetries = 0 }: OpenAIAgentsOptions): OpenOpenAIAgents {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries });
  const provider = new OpenAIProvider({ openAIClient: client, useResponses: api === 'responses' });
  return {
    client,
    provider,
    runner: new Runner({ modelProvider: provider, model: 'test-model', tracingDisabled: true }),
  };
}
