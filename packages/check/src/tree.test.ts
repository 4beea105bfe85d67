import { describe, expect, it } from 'vitest';
import { captureOf, chat, other, spansOf, tool, turn } from './testing/spans.ts';
import { captureRecords } from './capture.ts';

describe('tree', () => {
  it('draws turns with their spans, and the session once where it begins', () => {
    const capture = captureOf(
      turn('conv-42', { label: '1' }, [chat({}, [other('POST')]), tool({}, [other('GET')]), chat()]),
      turn('conv-7'),
      turn('conv-42', { links: ['1'] }),
    );
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat m1
          POST
        execute_tool add
          GET
        chat m1
      invoke_agent pi [session conv-7] run.start
        chat m1
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat m1"
    `);
  });

  it('lets every mistake stand out', () => {
    const failed = chat({ status: 'error', attributes: { 'error.type': 'timeout' } });
    const capture = captureOf(
      other('POST /chat', { parent: 'remote' }, [
        turn('conv-42', { label: '1', starts: [{ 'session.id': 'engine-1' }] }, [
          other('GET', { session: null }),
          chat({ session: 'engine-1' }),
          chat({ attributes: { 'gen_ai.conversation.id': 'engine-1' } }),
          failed,
          tool({ status: 'error' }),
        ]),
      ]),
      turn('conv-7', { starts: [], links: ['1', 'absent'], parent: 'missing' }, []),
    );
    expect(capture.tree()).toMatchInlineSnapshot(`
      "POST /chat (remote parent)
        invoke_agent pi [session conv-42] run.start[session engine-1]
          GET [no session]
          chat m1 [session engine-1]
          chat m1 [session conv-42, conversation engine-1]
          chat m1 (error timeout)
          execute_tool add (error without a type)
      invoke_agent pi [session conv-7] no run.start (parent missing) -> previous turn[session conv-42] -> previous turn (absent)"
    `);
  });

  it('says of a link, and of the event of a run, that no session is there', () => {
    const capture = captureOf(
      turn(null, { label: '1', starts: [] }, []),
      turn('conv-42', { starts: [{}], links: ['1'] }, []),
    );
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [no session] no run.start
      invoke_agent pi [session conv-42] run.start[session absent] -> previous turn[session absent]"
    `);
  });

  it('says which session encloses a child session', () => {
    const child = turn('child', { attributes: { 'turnkeeper.session.parent_id': 'conv-42' } }, []);
    expect(captureOf(turn('conv-42', {}, [tool({}, [child])])).tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        execute_tool add
          invoke_agent pi [session child, inside conv-42] run.start"
    `);
  });

  it('does not depend on the order in which spans were read', () => {
    const spans = spansOf(turn('a', {}, [chat(), tool({}, [other('GET')])]), turn('b'));
    expect(captureRecords({ spans: spans.toReversed() }).tree()).toBe(captureRecords({ spans }).tree());
  });

  it('draws spans whose parents form a ring, and a span that is its own parent', () => {
    const [first, second, third] = spansOf([other('a'), other('b'), other('c')]);
    if (!first || !second || !third) throw new Error('three spans');
    const ring = [
      { ...first, parentSpanId: second.spanId },
      { ...second, parentSpanId: first.spanId },
      { ...third, parentSpanId: third.spanId },
    ];
    expect(captureRecords({ spans: ring }).tree()).toBe('a\n  b\nc');
  });

  it('keeps what a trace says on one line', () => {
    expect(captureOf(other('a\nb\u001b[31m\u202ec')).tree()).toBe('a\\u000ab\\u001b[31m\\u202ec');
  });

  it('draws a conversation of ten thousand nested spans', () => {
    const [top] = spansOf(other('step'));
    const chain = Array.from({ length: 10_000 }, (_, depth) => ({
      ...top!,
      spanId: (depth + 1).toString(16).padStart(16, '0'),
      parentSpanId: depth === 0 ? undefined : depth.toString(16).padStart(16, '0'),
    }));
    expect(captureRecords({ spans: chain }).tree().split('\n')).toHaveLength(10_000);
  });
});
