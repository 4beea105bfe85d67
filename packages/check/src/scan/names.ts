import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_ID,
  ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
  ATTR_GEN_AI_TOOL_CALL_ARGUMENTS,
  ATTR_GEN_AI_TOOL_CALL_RESULT,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  ATTR_GEN_AI_WORKFLOW_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SESSION_ID,
  ATTR_SESSION_PREVIOUS_ID,
  ATTR_TURNKEEPER_ENGINE_NAME,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_TURNKEEPER_LINK_KIND,
  ATTR_TURNKEEPER_SESSION_PARENT_ID,
  ATTR_TURNKEEPER_SESSION_SOURCE,
  DEPRECATED_ATTR_GEN_AI_COMPLETION,
  DEPRECATED_ATTR_GEN_AI_PROMPT,
  DEPRECATED_ATTR_GEN_AI_SYSTEM,
  DEPRECATED_ATTR_GEN_AI_USAGE_COMPLETION_TOKENS,
  DEPRECATED_ATTR_GEN_AI_USAGE_PROMPT_TOKENS,
} from '@turnkeeper/instrumentation/semconv';
import { ATTR_MCP_METHOD_NAME } from '../mcp.ts';

/** The attributes of which a scan keeps the value. Their order gives them their numbers. */
export const kept: readonly string[] = [
  ATTR_SESSION_ID,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_TURNKEEPER_ENGINE_NAME,
  ATTR_TURNKEEPER_ENGINE_SESSION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_WORKFLOW_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GEN_AI_RESPONSE_ID,
  ATTR_ERROR_TYPE,
  ATTR_SERVER_ADDRESS,
  ATTR_TURNKEEPER_SESSION_SOURCE,
  ATTR_TURNKEEPER_LINK_KIND,
  ATTR_MCP_METHOD_NAME,
];

/** Where a kept attribute stands in the list. */
export function numberOf(name: string): number {
  return kept.indexOf(name);
}

/** Token counts: the only attributes that are numbers. */
export const counted: readonly string[] = [
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
];

/** A span that carries one of these is looked at in full: rules judge it, and it is rare. */
export const remarkable: readonly string[] = [
  ATTR_SESSION_PREVIOUS_ID,
  ATTR_TURNKEEPER_SESSION_PARENT_ID,
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
  ATTR_GEN_AI_TOOL_CALL_ARGUMENTS,
  ATTR_GEN_AI_TOOL_CALL_RESULT,
  DEPRECATED_ATTR_GEN_AI_SYSTEM,
  DEPRECATED_ATTR_GEN_AI_PROMPT,
  DEPRECATED_ATTR_GEN_AI_COMPLETION,
  DEPRECATED_ATTR_GEN_AI_USAGE_PROMPT_TOKENS,
  DEPRECATED_ATTR_GEN_AI_USAGE_COMPLETION_TOKENS,
];

/** Finds names in bytes without making text of them. */
export class NameIndex {
  readonly #byLength: (readonly { readonly bytes: Uint8Array; readonly number: number }[] | undefined)[] = [];

  constructor(names: readonly string[]) {
    for (const [number, name] of names.entries()) {
      const bytes = new Uint8Array(Buffer.from(name));
      this.#byLength[bytes.length] = [...(this.#byLength[bytes.length] ?? []), { bytes, number }];
    }
  }

  /** The number of the name that these bytes are; -1: none of them. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const candidates = this.#byLength[end - start];
    if (candidates === undefined) return -1;
    for (const candidate of candidates) {
      // Names differ at their ends sooner than at their beginnings.
      let at = end - start - 1;
      while (at >= 0 && candidate.bytes[at] === bytes[start + at]) at -= 1;
      if (at < 0) return candidate.number;
    }
    return -1;
  }
}
