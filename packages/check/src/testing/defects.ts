import { chat, other, type SpanLiteral, tool, turn } from './spans.ts';

/** Some traces with one thing wrong about them, or nothing. */
export interface Example {
  readonly name: string;
  readonly traces: readonly (SpanLiteral | readonly SpanLiteral[])[];
}

const id = (session: string) => turn(session, { attributes: { 'gen_ai.conversation.id': undefined } }, []);
const usage = (counts: Readonly<Record<string, unknown>>) => ({
  attributes: Object.fromEntries(Object.entries(counts).map(([name, count]) => [`gen_ai.usage.${name}`, count])),
});
const child = { 'turnkeeper.session.parent_id': 'conv-1' };
const stock = { 'service.name': 'stock' };
const shop = { 'service.name': 'shop', 'process.pid': 7 };
/** The same process, as exporters and processors that keep no order of attributes write it. */
const shopAgain = { 'process.pid': 7, 'service.name': 'shop' };
const mcp = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'add' };
const firstTrace = 'a'.padEnd(31, '0') + '1';
const ofEngine = (session: string, source: string) =>
  turn(
    session,
    {
      attributes: {
        'turnkeeper.session.source': source,
        'turnkeeper.engine.session.id': 'engine-1',
        'gen_ai.conversation.id': source === 'generated' ? undefined : session,
      },
    },
    [],
  );

/** Conversations in which no rule finds anything. */
export const wholeExamples: readonly Example[] = [
  {
    name: 'a conversation of three turns',
    traces: [
      turn('a', { label: '1' }, [chat({}, [other('POST')]), tool({}, [other('GET')]), chat()]),
      turn('a', { label: '2', links: ['1'] }),
      turn('a', { links: ['2'] }),
    ],
  },
  {
    name: 'interleaved conversations',
    traces: [
      turn('a', { label: 'a1' }),
      turn('b', { label: 'b1' }),
      turn('a', { links: ['a1'] }),
      turn('b', { links: ['b1'] }),
    ],
  },
  { name: 'a batch under one span of the caller', traces: [other('batch', {}, [turn('a'), turn('b'), turn('a')])] },
  { name: 'a server above a turn', traces: [other('POST /chat', { kind: 'server', parent: 'remote' }, [turn('a')])] },
  {
    name: 'a child session',
    traces: [turn('conv-1', {}, [tool({}, [turn('sub', { attributes: child }, [chat({ attributes: child })])])])],
  },
  {
    name: 'a task and an enclosed run',
    traces: [other('compact', { engine: 'pi', session: 'a' }, [chat()]), turn('a', {}, [tool({}, [turn('a')])])],
  },
  {
    name: 'a failed model call',
    traces: [turn('a', {}, [chat({ status: 'error', attributes: { 'error.type': 'timeout' } })])],
  },
  { name: 'a model in the same process', traces: [turn('a', {}, [chat({ kind: 'internal' })])] },
  {
    name: 'a call over MCP',
    traces: [turn('a', {}, [tool({}, [other('tools/call add', { kind: 'client', attributes: mcp })])])],
  },
  { name: "a template's name", traces: [turn('a', {}, [chat({ attributes: { 'gen_ai.prompt.name': 'greeting' } })])] },
  {
    name: 'tokens that add up',
    traces: [
      turn('a', usage({ input_tokens: 7, output_tokens: 3 }), [
        chat(usage({ input_tokens: 5, output_tokens: 2 })),
        chat(usage({ input_tokens: 2, output_tokens: 1, 'cache_read.input_tokens': 2 })),
      ]),
    ],
  },
  {
    name: 'two processes',
    traces: [
      turn('a'),
      turn('a', { resource: stock }, [
        tool({}, [other('POST', { kind: 'server', resource: { 'service.name': 'db' } })]),
      ]),
    ],
  },
  {
    name: 'a failed request that leaves the name of an operation empty',
    traces: [other('GET', { status: 'error', attributes: { 'gen_ai.operation.name': '' } })],
  },
  {
    name: 'tokens of a model call that is a run of its own',
    traces: [
      turn('a', usage({ input_tokens: 10 }), [
        chat(usage({ input_tokens: 10 })),
        tool({}, [chat({ engine: 'acp', ...usage({ input_tokens: 5 }) })]),
      ]),
    ],
  },
  {
    name: "a session of the engine's for which an id was given at last",
    traces: [ofEngine('g1', 'generated'), ofEngine('g2', 'generated'), ofEngine('a', 'explicit')],
  },
  { name: 'spans without any run', traces: [other('GET', {}, [other('SELECT')])] },
];

/** Conversations in which some rule finds something; each rule at least once. */
export const brokenExamples: readonly Example[] = [
  { name: 'one-session-per-run', traces: [turn('a', {}, [tool({}, [other('GET', { session: 'engine-1' })])])] },
  { name: 'every-span-stamped', traces: [turn('a', {}, [tool({}, [other('GET', { session: null })])])] },
  {
    name: 'every-span-stamped: the root',
    traces: [turn(null, { attributes: { 'turnkeeper.session.source': 'explicit' } }, [chat({ session: 'a' })])],
  },
  { name: 'every-span-stamped: no id', traces: [turn(null)] },
  {
    name: 'every-span-stamped: another process',
    traces: [turn('a', {}, [other('POST', { session: null, kind: 'server', resource: stock })])],
  },
  { name: 'every-span-stamped: below a session', traces: [turn('a', {}, [tool({}, [turn(null)])])] },
  {
    name: 'every-span-stamped: another clock',
    traces: [
      turn('a', { start: 100, end: 200 }, [
        other('POST', { session: null, kind: 'server', resource: stock, start: 1, end: 9 }),
      ]),
    ],
  },
  { name: 'conversation-matches', traces: [turn('a', {}, [chat({ attributes: { 'gen_ai.conversation.id': 'b' } })])] },
  {
    name: 'conversation-matches: none',
    traces: [turn('a', {}, [chat({ attributes: { 'gen_ai.conversation.id': undefined } })])],
  },
  {
    name: 'conversation-matches: generated',
    traces: [turn('a', { attributes: { 'turnkeeper.session.source': 'generated' } })],
  },
  { name: 'id-not-minted: blank', traces: [id('  ')] },
  { name: 'id-not-minted: a trace', traces: [id(firstTrace)] },
  {
    name: 'id-not-minted: a trace, for a tool',
    traces: [turn('a', {}, [tool({ attributes: { 'gen_ai.conversation.id': firstTrace } })])],
  },
  {
    name: 'id-not-minted: a trace, for any span',
    traces: [other('GET', { attributes: { 'gen_ai.conversation.id': firstTrace } })],
  },
  { name: 'id-not-minted: generated', traces: [ofEngine('g1', 'generated'), ofEngine('g2', 'generated')] },
  { name: 'id-not-minted: a span', traces: [id('b'.padEnd(15, '0') + '1')] },
  {
    name: 'id-not-minted: each turn',
    traces: ['x', 'y'].map((conversation) =>
      turn(
        'a',
        {
          starts: [{ 'session.id': 'a', 'gen_ai.conversation.id': conversation }],
          attributes: { 'gen_ai.conversation.id': conversation },
        },
        [],
      ),
    ),
  },
  {
    name: 'no-engine-id-leak',
    traces: [turn('conv-1', { attributes: { 'turnkeeper.engine.session.id': 'e-1' } }), turn('e-1')],
  },
  { name: 'run-start-matches: none', traces: [turn('a', { starts: [] })] },
  { name: 'run-start-matches: two', traces: [turn('a', { starts: [{ 'session.id': 'a' }, { 'session.id': 'a' }] })] },
  { name: 'run-start-matches: another', traces: [turn('a', { starts: [{ 'session.id': 'b' }] })] },
  {
    name: 'run-start-matches: another conversation',
    traces: [turn('a', { starts: [{ 'session.id': 'a', 'gen_ai.conversation.id': 'b' }] })],
  },
  { name: 'sessions-not-mixed: nested', traces: [turn('a', {}, [tool({}, [turn('b')])])] },
  {
    name: 'sessions-not-mixed: with a run without an id between',
    traces: [turn('a', {}, [tool({}, [turn(null, {}, [tool({}, [turn('b')])])])])],
  },
  {
    name: 'sessions-not-mixed: linked twice',
    traces: [turn('a', { label: 'a' }), turn('b', { label: 'b' }), turn('b', { links: ['b', 'a'] })],
  },
  { name: 'sessions-not-mixed: linked', traces: [turn('a', { label: '1' }), turn('b', { links: ['1'] })] },
  { name: 'turns-linked', traces: [turn('a', { label: '1' }), turn('a', { links: ['1'] }), turn('a')] },
  {
    name: 'turns-linked: skips one',
    traces: [turn('a', { label: '1' }), turn('a', { links: ['1'] }), turn('a', { links: ['1'] })],
  },
  {
    name: 'turns-linked: to the first of one trace',
    traces: [
      other('batch', {}, [turn('a', { label: '1' }), turn('a', { engine: 'acp' })]),
      turn('a', { links: ['1'] }),
    ],
  },
  {
    name: 'turns-linked: a process whose attributes stand in another order',
    traces: [turn('a', { resource: shop }), turn('a', { resource: shopAgain })],
  },
  { name: 'one-root-per-turn', traces: [[turn('a'), turn('a')]] },
  { name: 'one-root-per-turn: nested', traces: [turn('a', {}, [turn('a')])] },
  { name: 'no-orphans', traces: [turn('a', { parent: 'missing' })] },
  { name: 'ended-inside-parent', traces: [turn('a', { start: 0, end: 10 }, [chat({ start: 1, end: 50 })])] },
  { name: 'ended-inside-parent: early', traces: [turn('a', { start: 100, end: 110 }, [chat({ start: 1, end: 105 })])] },
  {
    name: 'ended-inside-parent: a process whose attributes stand in another order',
    traces: [turn('a', { start: 0, end: 10, resource: shop }, [chat({ start: 1, end: 50, resource: shopAgain })])],
  },
  { name: 'operation-shape: name', traces: [turn('a', {}, [{ ...chat(), name: 'llm' }])] },
  { name: 'operation-shape: name with more in it', traces: [turn('a', {}, [{ ...chat(), name: 'chat m1 again' }])] },
  { name: 'operation-shape: name with another sign', traces: [turn('a', {}, [{ ...chat(), name: 'chat-m1' }])] },
  { name: 'operation-shape: kind', traces: [turn('a', {}, [chat({ kind: 'server' })])] },
  { name: 'operation-shape: kind of a tool', traces: [turn('a', {}, [tool({ kind: 'client' })])] },
  {
    name: 'operation-shape: provider',
    traces: [turn('a', {}, [chat({ attributes: { 'gen_ai.provider.name': undefined } })])],
  },
  { name: 'operation-shape: address', traces: [turn('a', { kind: 'client' })] },
  {
    name: 'operation-shape: tool',
    traces: [turn('a', {}, [{ ...tool({ attributes: { 'gen_ai.tool.name': undefined } }), name: 'execute_tool' }])],
  },
  {
    name: 'operation-shape: workflow',
    traces: [other('invoke_workflow', { kind: 'server', attributes: { 'gen_ai.operation.name': 'invoke_workflow' } })],
  },
  {
    name: 'operation-shape: created',
    traces: [other('create_agent', { attributes: { 'gen_ai.operation.name': 'create_agent' } })],
  },
  { name: 'operation-shape: MCP', traces: [turn('a', {}, [other('tools/call add', { attributes: mcp })])] },
  { name: 'operation-shape: none', traces: [other('llm', { attributes: { 'gen_ai.request.model': 'm1' } })] },
  { name: 'errors-typed: no type', traces: [turn('a', {}, [chat({ status: 'error' })])] },
  { name: 'errors-typed: no error', traces: [turn('a', {}, [chat({ attributes: { 'error.type': 'timeout' } })])] },
  { name: 'errors-typed: a task', traces: [other('compact', { engine: 'pi', session: 'a', status: 'error' })] },
  {
    name: 'no-duplicate-inference',
    traces: [
      turn('a', {}, [
        chat({ attributes: { 'gen_ai.response.id': 'r' } }),
        chat({ attributes: { 'gen_ai.response.id': 'r' } }),
      ]),
    ],
  },
  { name: 'usage-sane: no count', traces: [turn('a', {}, [chat(usage({ input_tokens: -1 }))])] },
  {
    name: 'usage-sane: cached',
    traces: [turn('a', {}, [chat(usage({ input_tokens: 1, 'cache_read.input_tokens': 2 }))])],
  },
  {
    name: 'usage-sane: reasoned',
    traces: [turn('a', {}, [chat(usage({ output_tokens: 1, 'reasoning.output_tokens': 2 }))])],
  },
  { name: 'usage-sane: total', traces: [turn('a', usage({ input_tokens: 9 }), [chat(usage({ input_tokens: 5 }))])] },
  { name: 'usage-sane: nothing', traces: [turn('a', usage({ input_tokens: 0 }), [chat(usage({ input_tokens: 10 }))])] },
  {
    name: 'usage-sane: two runs that make up for each other',
    traces: [
      other('batch', {}, [
        turn('a', usage({ input_tokens: 10 }), [chat(usage({ input_tokens: 5 }))]),
        turn('a', { engine: 'acp', ...usage({ input_tokens: 5 }) }, [chat(usage({ input_tokens: 10 }))]),
      ]),
    ],
  },
  {
    name: 'usage-sane: the root is a model call',
    traces: [
      other('batch', {}, [
        chat({ engine: 'pi', session: 'a', ...usage({ input_tokens: 5 }) }, [chat(usage({ input_tokens: 5 }))]),
      ]),
    ],
  },
  {
    name: 'usage-sane: the root is a model call inside of another run',
    traces: [
      turn('a', usage({ input_tokens: 15 }), [
        chat(usage({ input_tokens: 10 })),
        tool({}, [chat({ engine: 'acp', ...usage({ input_tokens: 5 }) })]),
      ]),
    ],
  },
  { name: 'no-content', traces: [turn('a', {}, [chat({ attributes: { 'gen_ai.input.messages': '[]' } })])] },
  {
    name: 'no-content: numbered',
    traces: [turn('a', {}, [chat({ attributes: { 'gen_ai.prompt.0.content': 'hello' } })])],
  },
  {
    name: 'no-content: on an event',
    traces: [turn('a', { starts: [{ 'session.id': 'a', 'gen_ai.system_instructions': 'be kind' }] })],
  },
  {
    name: 'no-content: numbered, on an event',
    traces: [turn('a', { starts: [{ 'session.id': 'a', 'gen_ai.prompt.0.content': 'hello' }] })],
  },
  {
    name: 'no-content: a message in an event',
    traces: [turn('a', {}, [chat({ events: [{ name: 'gen_ai.user.message', attributes: { content: 'hello' } }] })])],
  },
  { name: 'id-not-in-names', traces: [turn('conv-42', {}, [other('GET /chats/conv-42')])] },
  { name: 'deprecated-names', traces: [turn('a', {}, [chat({ attributes: { 'gen_ai.system': 'openai' } })])] },
  { name: 'id-well-formed: space', traces: [turn(' a')] },
  { name: 'id-well-formed: control', traces: [turn('a\u0007')] },
  { name: 'id-well-formed: long', traces: [turn('a'.repeat(129))] },
  { name: 'session-start-once', traces: [turn('a', { attributes: { 'session.previous_id': 'a' } })] },
  { name: 'sampled-whole', traces: [turn('a', { links: ['absent'] })] },
  { name: 'sampled-whole: a task', traces: [other('compact', { engine: 'pi', session: 'a', links: ['absent'] })] },
];
