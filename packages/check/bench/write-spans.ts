import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

const hexadecimal = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');
const text = (key: string, value: string): object => ({ key, value: { stringValue: value } });
const count = (key: string, value: number): object => ({ key, value: { intValue: String(value) } });

/** Spans of a turn: the server's, the run's, two model calls with a request each, two tools with a query each, a log of each. */
const spansPerTurn = 10;
const turnsPerSession = 5;
/** One turn of so many has queries that are not stamped. */
const flawedEvery = 5_000;
/** How many conversations go on at the same time. */
const abreast = 64;

/** Writes so many spans as a collector does: whole conversations, many of them interleaved, a batch a line. About 0.9 kB each. */
export async function writeSpans(file: string, spans: number, spansPerLine = 20): Promise<void> {
  const out = createWriteStream(file, { highWaterMark: 1 << 22 });
  const resource = {
    attributes: [
      text('service.name', 'shop'),
      text('service.instance.id', 'c0ffee00-1111-2222-3333-444455556666'),
      count('process.pid', 4711),
      text('telemetry.sdk.name', 'opentelemetry'),
      text('telemetry.sdk.language', 'nodejs'),
    ],
  };
  let batch: object[] = [];
  const turns = Math.ceil(spans / spansPerTurn);
  for (let turn = 0; turn < turns; turn += 1) {
    const block = Math.floor(turn / (abreast * turnsPerSession));
    const within = turn % (abreast * turnsPerSession);
    const [session, number] = [block * abreast + (within % abreast), Math.floor(within / abreast)];
    for (const span of spansOfTurn(turn, session, number)) {
      batch.push(span);
      if (batch.length < spansPerLine) continue;
      const line = {
        resourceSpans: [
          {
            resource,
            scopeSpans: [{ scope: { name: '@turnkeeper/instrumentation', version: '0.1.0' }, spans: batch }],
          },
        ],
      };
      batch = [];
      if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain');
    }
  }
  if (batch.length > 0)
    out.write(
      `${JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: '@turnkeeper/instrumentation' }, spans: batch }] }] })}\n`,
    );
  out.end();
  await once(out, 'finish');
}

function spansOfTurn(turn: number, session: number, number: number): readonly object[] {
  const traceId = hexadecimal(((turn + 1) * 2_654_435_761) % 2 ** 48, 16) + hexadecimal(turn + 1, 16);
  const id = `conv-${hexadecimal((session * 40_503) % 2 ** 32, 8)}-${hexadecimal(session, 6)}`;
  const begin = 1_700_000_000_000 + turn * 40;
  const spanId = (at: number): string => hexadecimal(turn * 16 + at + 1, 16);
  const stamp = [text('session.id', id)];
  const genAi = [...stamp, text('gen_ai.conversation.id', id)];
  const rootOf = (other: number): string =>
    hexadecimal(((other + 1) * 2_654_435_761) % 2 ** 48, 16) + hexadecimal(other + 1, 16);
  const before = turn - abreast;
  const make = (
    at: number,
    parent: number,
    name: string,
    kind: number,
    from: number,
    to: number,
    attributes: readonly object[],
    rest: object = {},
  ): object => ({
    traceId,
    spanId: spanId(at),
    parentSpanId: parent < 0 ? '' : spanId(parent),
    flags: 257,
    name,
    kind,
    startTimeUnixNano: `${begin + from}000000`,
    endTimeUnixNano: `${begin + to}123456`,
    attributes,
    status: {},
    ...rest,
  });
  const http = [
    ...stamp,
    text('http.request.method', 'POST'),
    text('url.full', 'http://models.internal:8080/v1/chat/completions'),
    text('server.address', 'models.internal'),
    count('server.port', 8080),
    count('http.response.status_code', 200),
  ];
  const sql = [
    ...(turn % flawedEvery === flawedEvery - 1 ? [] : stamp),
    text('db.system.name', 'postgresql'),
    text('db.namespace', 'shop'),
    text('db.query.text', 'SELECT name, price, stock FROM products WHERE id = $1'),
    text('server.address', 'db.internal'),
  ];
  const chat = (input: number, output: number): readonly object[] => [
    ...genAi,
    text('gen_ai.operation.name', 'chat'),
    text('gen_ai.provider.name', 'openai'),
    text('gen_ai.request.model', 'gpt-5'),
    text('gen_ai.response.model', 'gpt-5-2026'),
    text('gen_ai.response.id', `resp-${turn}-${input}`),
    count('gen_ai.usage.input_tokens', input),
    count('gen_ai.usage.output_tokens', output),
  ];
  const tool = [
    ...stamp,
    text('gen_ai.operation.name', 'execute_tool'),
    text('gen_ai.tool.name', 'lookup'),
    text('gen_ai.tool.call.id', `call-${turn}`),
    text('gen_ai.tool.type', 'function'),
  ];
  const root = [
    ...genAi,
    text('gen_ai.operation.name', 'invoke_agent'),
    text('gen_ai.agent.name', 'pi'),
    text('gen_ai.provider.name', 'pi'),
    text('turnkeeper.engine.name', 'pi'),
    text('turnkeeper.session.source', 'context'),
    text('turnkeeper.engine.session.id', `pi-${session}`),
    count('gen_ai.usage.input_tokens', 3300),
    count('gen_ai.usage.output_tokens', 120),
  ];
  const events = [
    {
      timeUnixNano: `${begin + 2}000000`,
      name: 'run.start',
      attributes: [...genAi, text('turnkeeper.engine.name', 'pi'), text('turnkeeper.session.source', 'context')],
    },
  ];
  const links =
    number === 0
      ? []
      : [
          {
            traceId: rootOf(before),
            spanId: hexadecimal(before * 16 + 2, 16),
            attributes: [text('turnkeeper.link.kind', 'previous_turn')],
          },
        ];
  return [
    make(3, 2, 'POST', 3, 4, 8, http),
    make(2, 1, 'chat gpt-5', 3, 3, 9, chat(1000, 40)),
    make(5, 4, 'SELECT products', 3, 11, 13, sql),
    make(4, 1, 'execute_tool lookup', 1, 10, 14, tool),
    make(7, 6, 'SELECT products', 3, 11, 13, sql),
    make(6, 1, 'execute_tool lookup', 1, 10, 15, tool),
    make(9, 8, 'POST', 3, 17, 28, http),
    make(8, 1, 'chat gpt-5', 3, 16, 29, chat(2300, 80)),
    make(1, 0, 'invoke_agent pi', 1, 2, 30, root, { events, links }),
    make(0, -1, 'POST /chat', 2, 1, 32, [
      ...stamp,
      text('http.request.method', 'POST'),
      text('http.route', '/chat'),
      count('http.response.status_code', 200),
    ]),
  ];
}
