import { type Attributes, type SpanEvent, textOf } from './span.ts';

/**
 * Events that held one message each, before content became attributes of spans and of one event: log events in their
 * bodies, events of spans in their attributes.
 */
export const messageEvents: readonly string[] = [
  'gen_ai.system.message',
  'gen_ai.user.message',
  'gen_ai.assistant.message',
  'gen_ai.tool.message',
  'gen_ai.choice',
];
const names: ReadonlySet<string> = new Set(messageEvents);
/** Where capture of content is off, bodies are written without these members. */
const contentKeys: ReadonlySet<string> = new Set(['content', 'arguments']);
/** Where an event of a span has the whole message, nearly always as JSON. */
const messageKeys: readonly string[] = ['message', 'gen_ai.event.content'];
/** Below that nobody looks: what is as deep is there for something. */
const deepest = 100;

/** The name of an event: older SDKs have it as an attribute. */
export function eventNameOf({ name, attributes }: { readonly name: string; readonly attributes: Attributes }): string {
  return name || (textOf(attributes, 'event.name') ?? '');
}

/** Whether an event of this name has a message in its body. */
export function isMessageEvent(name: string): boolean {
  return names.has(name);
}

/** Whether the body of such an event holds what somebody wrote, a model answered, or a tool was given. */
export function holdsContent(body: unknown): boolean {
  return typeof body === 'string' ? body !== '' : hasContentMember(body, 0);
}

/** Whether such an event of a span does. */
export function isMessageWithContent({ name, attributes }: SpanEvent): boolean {
  if (!isMessageEvent(name)) return false;
  return hasContentMember(attributes, 0) || messageKeys.some((key) => isContent(attributes[key]));
}

/** A message that was left out is an object without its content; anything else is content. */
function isContent(message: unknown): boolean {
  const value = typeof message === 'string' ? parsed(message) : message;
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? holdsContent(value) : !isBlank(value);
}

/** What a text says as JSON; the text, where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function hasContentMember(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth > deepest) return true;
  return Object.entries(value).some(([key, inner]) =>
    contentKeys.has(key) ? !isBlank(inner) : hasContentMember(inner, depth + 1),
  );
}

function isBlank(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === '';
}
