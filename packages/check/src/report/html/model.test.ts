import { describe, expect, it } from 'vitest';
import { captureRecords } from '../../capture.ts';
import { check } from '../../check.ts';
import { captureOf, chat, other, spansOf, tool, turn } from '../../testing/spans.ts';
import { modelReport } from './model.ts';

describe('modelReport', () => {
  it('has conversations by their start, what is outside of them last, with their turns, tasks and findings', () => {
    const usage = (input: number, output: number) => ({
      'gen_ai.usage.input_tokens': input,
      'gen_ai.usage.output_tokens': output,
    });
    const failed = { status: 'error', attributes: usage(3, 0) } as const;
    const first = turn('conv-42', { label: '1' }, [chat({ attributes: usage(10, 2) }), chat(failed)]);
    const capture = captureOf(
      other('GET'),
      first,
      other('compact', { engine: 'pi', session: 'conv-42' }, []),
      turn('conv-7'),
      turn('conv-42', { links: ['1', 'absent'] }, [tool({ session: null }), chat({ attributes: usage(20, 4) })]),
    );
    const { conversations } = modelReport(capture, check(capture));
    const told = conversations.flatMap(({ parts, start: _start, end: _end, ...rest }) => [
      JSON.stringify(rest),
      ...parts.flatMap(({ kind, number, inputTokens, outputTokens, failures, findings, spans: of }) => [
        `  ${kind} ${number}: ${inputTokens} in, ${outputTokens} out, ${failures} failed, ${findings.length} found`,
        ...of.map(({ depth, name, operation, error }) => `    ${depth} ${name} (${operation}) ${error}`.trimEnd()),
      ]),
    ]);
    expect(told.join('\n')).toMatchInlineSnapshot(`
      "{"session":"conv-42","turns":2,"spans":7,"inputTokens":33,"outputTokens":6,"failures":1,"errors":2,"warnings":1}
        turn 1: 13 in, 2 out, 1 failed, 1 found
          0 invoke_agent pi (invoke_agent)
          1 chat m1 (chat)
          1 chat m1 (chat) error
        task 0: 0 in, 0 out, 0 failed, 0 found
          0 compact (task)
        turn 2: 20 in, 4 out, 0 failed, 2 found
          0 invoke_agent pi (invoke_agent)
          1 execute_tool add (execute_tool)
          1 chat m1 (chat)
      {"session":"conv-7","turns":1,"spans":2,"inputTokens":0,"outputTokens":0,"failures":0,"errors":0,"warnings":0}
        turn 1: 0 in, 0 out, 0 failed, 0 found
          0 invoke_agent pi (invoke_agent)
          1 chat m1 (chat)
      {"session":null,"turns":0,"spans":1,"inputTokens":0,"outputTokens":0,"failures":0,"errors":0,"warnings":0}
        spans 0: 0 in, 0 out, 0 failed, 0 found
          0 GET ()"
    `);
    const [{ start, end, parts }] = conversations as [(typeof conversations)[0]];
    const last = parts.at(-1)!;
    expect([start, end]).toEqual([parts[0]!.start, last.start + last.duration]);
    expect(conversations.map((one) => one.start).toSorted((left, right) => left - right)).toEqual([
      conversations[2]!.start,
      start,
      conversations[1]!.start,
    ]);
  });

  it('has all that a span says', () => {
    const links = ['1', '2'];
    const spans = spansOf(
      turn('a', { label: '1' }, []),
      turn('a', { label: '2' }, []),
      turn('a', { links, resource: { 'service.name': 'shop', ratio: 0.5 } }, []),
      other('GET', { session: null, resource: {}, parent: 'missing' }),
    );
    const [before, linked, root, get] = spans.map((span, at) => ({
      ...span,
      place: at === 2 ? { file: 'a.jsonl', line: 3 } : at === 3 ? { file: 'b.pb' } : undefined,
      links: span.links.map((link, of) => (of === 0 ? link : { ...link, attributes: {} })),
    }));
    const { conversations } = modelReport(captureRecords({ spans: [before!, linked!, root!, get!] }), []);
    expect(conversations.flatMap(({ parts }) => parts.map(({ traceId }) => traceId))).toEqual([
      ...new Set(spans.map(({ traceId }) => traceId)),
    ]);
    const shown = conversations.flatMap(({ parts }) => parts.flatMap((part) => part.spans));
    expect(shown[2]).toEqual({
      id: root!.spanId,
      depth: 0,
      name: 'invoke_agent pi',
      kind: 'internal',
      operation: 'invoke_agent',
      service: 'shop',
      status: 'unset',
      error: '',
      start: 0,
      duration: expect.any(Number),
      session: 'a',
      place: 'a.jsonl:3',
      attributes: expect.objectContaining({ 'session.id': 'a', 'gen_ai.agent.name': 'pi' }),
      resource: { ratio: '0.5', 'service.name': 'shop' },
      events: [
        { name: 'run.start', at: expect.any(Number), attributes: expect.objectContaining({ 'session.id': 'a' }) },
      ],
      links: [
        { label: 'the turn before', traceId: before!.traceId, spanId: before!.spanId },
        { label: 'linked span', traceId: linked!.traceId, spanId: linked!.spanId },
      ],
      findings: [],
    });
    expect(shown[3]).toMatchObject({ name: 'GET', operation: '', service: '', session: '', place: 'b.pb' });
  });

  it('gives no duration of a span that has no end', () => {
    const [span] = spansOf(other('GET'));
    const { conversations } = modelReport(captureRecords({ spans: [{ ...span!, end: 0n }] }), []);
    expect(conversations[0]?.parts).toMatchObject([{ duration: 0, spans: [{ duration: null }] }]);
  });

  it('keeps a name from turning the sentence around it', () => {
    const capture = captureOf(turn('conv-42', {}, [other('photo\u202Egpj.exe', { session: null })]));
    const { findings } = modelReport(capture, check(capture, { only: ['every-span-stamped'] }));
    expect(findings.map(({ what }) => what)).toEqual([
      String.raw`Span "photo\u202egpj.exe" of the run "invoke_agent pi" carries no session.id.`,
    ]);
  });

  it('puts more spans of no session side by side than a call takes arguments', () => {
    const capture = captureOf(Array.from({ length: 150_000 }, () => other('GET')));
    const { conversations } = modelReport(capture, []);
    expect(conversations).toMatchObject([{ session: null, spans: 150_000 }]);
    expect(conversations[0]?.end).toBeGreaterThan(conversations[0]?.start ?? 0);
  });
});
