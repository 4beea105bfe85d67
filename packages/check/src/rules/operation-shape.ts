import {
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GEN_AI_WORKFLOW_NAME,
  ATTR_SERVER_ADDRESS,
  OPERATION_CHAT,
  OPERATION_CREATE_AGENT,
  OPERATION_EXECUTE_TOOL,
  OPERATION_INVOKE_AGENT,
  OPERATION_INVOKE_WORKFLOW,
} from '@turnkeeper/instrumentation/semconv';
import { ATTR_MCP_METHOD_NAME } from '../mcp.ts';
import { quote, type Rule, type Violation } from '../rule.ts';
import { type CapturedSpan, type SpanKind, textOf } from '../span.ts';
import type { SpanIndex } from '../span-index.ts';

interface Shape {
  /** The attribute that follows the operation in the span's name. */
  readonly subject: string;
  readonly kinds: readonly SpanKind[];
  readonly required: readonly string[];
}

const kindsOfMcp: readonly SpanKind[] = ['client', 'server'];

const shapes: ReadonlyMap<string, Shape> = new Map([
  // A model in the same process may be called without leaving it.
  [
    OPERATION_CHAT,
    { subject: ATTR_GEN_AI_REQUEST_MODEL, kinds: ['client', 'internal'], required: [ATTR_GEN_AI_PROVIDER_NAME] },
  ],
  [
    OPERATION_INVOKE_AGENT,
    { subject: ATTR_GEN_AI_AGENT_NAME, kinds: ['internal', 'client'], required: [ATTR_GEN_AI_PROVIDER_NAME] },
  ],
  [OPERATION_EXECUTE_TOOL, { subject: ATTR_GEN_AI_TOOL_NAME, kinds: ['internal'], required: [ATTR_GEN_AI_TOOL_NAME] }],
  [OPERATION_INVOKE_WORKFLOW, { subject: ATTR_GEN_AI_WORKFLOW_NAME, kinds: ['internal'], required: [] }],
  [OPERATION_CREATE_AGENT, { subject: ATTR_GEN_AI_AGENT_NAME, kinds: ['client'], required: [] }],
]);

/** GenAI spans have the name, the kind and the attributes that the conventions ask for. */
export const operationShape: Rule = {
  id: 'operation-shape',
  severity: 'error',
  basis: 'convention',
  asserts: 'Spans of GenAI operations have the name, the kind and the required attributes of the conventions.',
  why: 'Backends recognise agents, model calls and tools by exactly these; a span of another shape is missing from their views.',
  fix: 'Let the run be recorded by an adapter of Turnkeeper, or write the span as the GenAI conventions ask for.',
  *judge(index) {
    for (const span of index.spans) {
      const operation = textOf(span.attributes, ATTR_GEN_AI_OPERATION_NAME);
      const shape = operation === undefined ? undefined : shapes.get(operation);
      if (operation === undefined) yield* judgeUnnamed(index, span);
      else if (shape !== undefined) yield* judgeShape(span, operation, shape);
    }
  },
};

/**
 * Whether a span has the name of a call over MCP: the method, and mostly what it is about. The span of a tool may carry
 * the method too, and keeps its own name.
 */
function isNamedAfterMcp({ name, attributes }: CapturedSpan): boolean {
  const method = textOf(attributes, ATTR_MCP_METHOD_NAME);
  return method !== undefined && (name === method || name.startsWith(`${method} `));
}

/** A model or a tool is named, but not what is done with it. A run's root without an operation is a task. */
function* judgeUnnamed(index: SpanIndex, span: CapturedSpan): Iterable<Violation> {
  if (index.runOf(span)?.root === span) return;
  const name = [ATTR_GEN_AI_REQUEST_MODEL, ATTR_GEN_AI_TOOL_NAME].find((attribute) =>
    textOf(span.attributes, attribute),
  );
  if (name === undefined) return;
  // A call over MCP need not say which operation it is.
  if (isNamedAfterMcp(span)) yield* judgeKind(span, 'a call over MCP', kindsOfMcp);
  else yield { at: span, what: `Span ${quote(span.name)} carries ${name}, but no ${ATTR_GEN_AI_OPERATION_NAME}.` };
}

function* judgeShape(span: CapturedSpan, operation: string, shape: Shape): Iterable<Violation> {
  const subject = textOf(span.attributes, shape.subject);
  const name = subject === undefined ? operation : `${operation} ${subject}`;
  if (span.name !== name && isNamedAfterMcp(span)) {
    yield* judgeKind(span, 'a call over MCP', kindsOfMcp);
    return;
  }
  if (span.name !== name) {
    yield { at: span, what: `Span ${quote(span.name)} of operation ${operation} should have the name ${quote(name)}.` };
  }
  yield* judgeKind(span, operation, shape.kinds);
  // A remote agent is the one that is called as a client; then the place it is called at belongs to it.
  const isRemoteAgent = operation === OPERATION_INVOKE_AGENT && span.kind === 'client';
  for (const attribute of isRemoteAgent ? [...shape.required, ATTR_SERVER_ADDRESS] : shape.required) {
    if (textOf(span.attributes, attribute) !== undefined) continue;
    yield { at: span, what: `Span ${quote(span.name)} of operation ${operation} carries no ${attribute}.` };
  }
}

function* judgeKind(span: CapturedSpan, subject: string, kinds: readonly SpanKind[]): Iterable<Violation> {
  if (kinds.includes(span.kind)) return;
  const wanted = kinds.map((kind) => kind.toUpperCase()).join(' or ');
  yield { at: span, what: `Span ${quote(span.name)} is of kind ${span.kind.toUpperCase()}; ${subject} is ${wanted}.` };
}
