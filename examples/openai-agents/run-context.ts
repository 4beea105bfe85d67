import { OpenAIResponsesCompactionSession, type Session } from '@openai/agents';
import { withRunContext } from '@turnkeeper/instrumentation/openai-agents';

/** A store that says `acceptsRunContext` gets the run's context, though compaction does not pass it on. */
export function compact(store: Session): Session {
  return new OpenAIResponsesCompactionSession({ underlyingSession: withRunContext(store) });
}
