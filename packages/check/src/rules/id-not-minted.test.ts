import { describe, expect, it } from 'vitest';
import { captureOf, chat, judge, spansOf, turn } from '../testing/spans.ts';
import { idNotMinted as rule } from './id-not-minted.ts';

const [first] = spansOf(turn('a'));
const traceId = first!.traceId;
const asUuid = traceId.replace(/^(.{8})(.{4})(.{4})(.{4})/u, '$1-$2-$3-$4-');

describe('id-not-minted', () => {
  it.each([
    ['', 'is blank: "".'],
    ['  ', 'is blank: "  ".'],
    [traceId, `is the id of a trace: "${traceId}".`],
    [asUuid, `is the id of a trace: "${asUuid}".`],
    [first!.spanId.toUpperCase(), `is the id of a span: "${first!.spanId.toUpperCase()}".`],
  ])('finds the id %j', (id, what) => {
    const attributes = { 'session.id': id, 'gen_ai.conversation.id': undefined };
    expect(judge(rule, turn(null, { attributes }))).toEqual([`session.id of span "invoke_agent pi" ${what}`]);
  });

  it('finds a trace id that became the conversation, also where it is that of another trace', () => {
    const attributes = { 'gen_ai.conversation.id': traceId };
    expect(judge(rule, turn('a'), turn('a', { attributes }))).toEqual([
      `gen_ai.conversation.id of span "invoke_agent pi" is the id of a trace: "${traceId}".`,
    ]);
  });

  it('finds a conversation that is new in each turn of one session', () => {
    const turns = ['x', 'y', 'z'].map((id) => turn('conv-42', { attributes: { 'gen_ai.conversation.id': id } }, []));
    expect(judge(rule, ...turns)).toEqual([
      'Each of the 3 turns of session "conv-42" carries a gen_ai.conversation.id of its own.',
    ]);
  });

  it("finds a generated session that is new in each turn of one session of the engine's", () => {
    const attributes = { 'turnkeeper.session.source': 'generated', 'turnkeeper.engine.session.id': 'engine-1' };
    expect(judge(rule, turn('g1', { attributes }), turn('g2', { attributes }))).toEqual([
      'Each of the 2 turns of the engine\'s session "engine-1" carries a generated session.id of its own.',
    ]);
  });

  it("accepts sessions that were generated for different sessions of the engine's, for none, or once for one", () => {
    const of = (engineSession: string | undefined) => ({
      attributes: { 'turnkeeper.session.source': 'generated', 'turnkeeper.engine.session.id': engineSession },
    });
    expect(judge(rule, turn('g1', of('engine-1')), turn('g2', of('engine-2')))).toEqual([]);
    expect(judge(rule, turn('g1', of(undefined)), turn('g2', of(undefined)))).toEqual([]);
    expect(judge(rule, turn('g1', of('engine-1')), turn('g1', of('engine-1')))).toEqual([]);
  });

  it("accepts several platform ids over one session of the engine's", () => {
    const attributes = { 'turnkeeper.engine.session.id': 'engine-1' };
    expect(judge(rule, turn('conv-1', { attributes }), turn('conv-2', { attributes }))).toEqual([]);
  });

  it('accepts one conversation that was reset within a session, and a single turn', () => {
    const turns = ['x', 'x', 'y'].map((id) => turn('conv-42', { attributes: { 'gen_ai.conversation.id': id } }, []));
    expect(judge(rule, ...turns)).toEqual([]);
    expect(judge(rule, turns[0]!)).toEqual([]);
    const without = turn('conv-42', { attributes: { 'gen_ai.conversation.id': undefined } }, []);
    expect(judge(rule, turns[0]!, without)).toEqual([]);
  });

  it('accepts the id of a trace that has nothing to do with the session', () => {
    expect(judge(rule, turn('a'), turn(traceId, {}, []))).toEqual([]);
  });

  it('accepts ids that look like a trace id, but are none of this input', () => {
    expect(judge(rule, turn('0af7651916cd43dd8448eb211c80319c'))).toEqual([]);
  });

  it.each([
    ['of no trace', 'c', 0],
    ['of its own trace', 'a', 7_000],
  ])('looks at each span a few times where every session has the form of a trace id, %s', (_, digit, count) => {
    const turns = Array.from({ length: 3_500 }, (__, at) =>
      turn(`${digit}${(at + 1).toString(16).padStart(31, '0')}`, {}, [chat(), chat()]),
    );
    const { index, spans } = captureOf(...turns);
    let looks = 0;
    for (const span of spans) {
      for (const [key, value] of Object.entries(span)) {
        const get = (): unknown => ((looks += 1), value);
        Object.defineProperty(span, key, { get });
      }
    }
    expect([...rule.judge(index)]).toHaveLength(count);
    expect(looks).toBeGreaterThan(0);
    expect(looks).toBeLessThan(20 * spans.length);
  });

  it('reports a bad id once', () => {
    expect([...rule.judge(captureOf(turn('')).index)]).toHaveLength(2);
  });
});
