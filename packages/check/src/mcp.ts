/** The method of a call over MCP: https://github.com/open-telemetry/semantic-conventions-genai, mcp.md. */
export const ATTR_MCP_METHOD_NAME = 'mcp.method.name';

/** The name of a prompt's template, as such calls carry it; no content. */
export const ATTR_GEN_AI_PROMPT_NAME = 'gen_ai.prompt.name';
