import {
  Agent,
  OpenAIResponsesCompactionSession,
  OutputGuardrailTripwireTriggered,
  tool,
  type AgentInputItem,
  type RunContext,
  type Session,
} from '@openai/agents';
import { approvalOptions, AwareStore, weather, type OpenAIWorld } from './openai-agents.ts';

/** Knows the weather. */
export const guide = new Agent<unknown>({ name: 'Guide', tools: [weather] });
const tripped = new Agent({
  name: 'Guide',
  outputGuardrails: [{ name: 'no', execute: async () => ({ tripwireTriggered: true, outputInfo: {} }) }],
});
const approved = tool({ ...approvalOptions, execute: async () => 'rain' });
/** Waits for a person before it asks for the weather. */
export const patient = new Agent({ name: 'Guide', tools: [approved] });

/** Everything a run does with a session: reads, writes, a turn that waits, a resumed one, a guardrail that trips. */
export async function play(world: OpenAIWorld, session: Session, runContexts: RunContext[] = []): Promise<void> {
  const { runner } = world.engine;
  const note = (result: { readonly runContext: RunContext }): void => void runContexts.push(result.runContext);
  note(await runner.run(guide, '#weather', { session, context: { user: 'u-1' } }));
  const stream = await runner.run(guide, 'hello', { session, stream: true });
  await stream.completed;
  note(stream);
  const waiting = await runner.run(patient, '#weather', { session });
  note(waiting);
  for (const asked of waiting.interruptions) waiting.state.approve(asked);
  note(await runner.run(patient, waiting.state, { session }));
  const error: unknown = await runner.run(tripped, 'hello', { session }).catch((caught: unknown) => caught);
  if (!(error instanceof OutputGuardrailTripwireTriggered)) throw new Error('no guardrail has tripped');
  if (error.state) runContexts.push(error.state._context);
}

/** The SDK's compaction, after every turn. */
export function compacting(world: OpenAIWorld, underlyingSession: Session): OpenAIResponsesCompactionSession {
  const { client } = world.engine;
  return new OpenAIResponsesCompactionSession({
    client,
    underlyingSession,
    model: 'gpt-5',
    shouldTriggerCompaction: () => true,
  });
}

/** A store with everything that the SDK lets a store do, opted in. */
export class CapableStore extends AwareStore {
  async replaceHistoryWithCompaction(items: AgentInputItem[], runContext?: RunContext): Promise<void> {
    this.calls.push(['replaceHistoryWithCompaction', [items, runContext]]);
    this.items = items;
  }

  async applyHistoryTransaction(args: object, runContext?: RunContext): Promise<void> {
    this.calls.push(['applyHistoryTransaction', [args, runContext]]);
  }
}

/** What a client sends to begin with a history that was made short. */
export const compacted: AgentInputItem[] = [
  { type: 'compaction', id: 'cmp_1', encrypted_content: 'what was said so far' },
  { role: 'user', content: 'hello' },
];

/** Trips once a tool has worked: what it did stays in the history. */
export const late = new Agent({
  name: 'Guide',
  tools: [weather],
  outputGuardrails: [{ name: 'no', execute: async () => ({ tripwireTriggered: true, outputInfo: {} }) }],
});
