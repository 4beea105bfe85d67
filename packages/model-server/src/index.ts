export type { Answer, Failure, Reply, ToolCall, Usage } from './answer.ts';
export { defaultUsage } from './answer.ts';
export type { JsonObject } from './json.ts';
export type { CalledTool, Message, ModelRequest, ToolResult } from './request.ts';
export { byMarker, echo } from './script.ts';
export type { Script, ScriptFunction } from './script.ts';
export { startModelServer } from './server.ts';
export type { ModelServer, ModelServerOptions } from './server.ts';
