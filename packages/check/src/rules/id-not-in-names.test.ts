import { describe, expect, it } from 'vitest';
import { captureWith, judge, other, turn } from '../testing/spans.ts';
import { idNotInNames as rule } from './id-not-in-names.ts';

const judgeMetric = (name: string, series: Readonly<Record<string, unknown>>) =>
  Array.from(
    rule.judge(captureWith({ metrics: [{ name, series: [{}, series] }] }, turn('conv-42')).index),
    ({ what }) => what,
  );

describe('id-not-in-names', () => {
  it('finds an id in the name of its span, and of a span below that is not stamped', () => {
    expect(judge(rule, turn('conv-42', {}, [other('GET /chats/conv-42')]))).toEqual([
      'The name of span "GET /chats/conv-42" holds the id "conv-42".',
    ]);
    expect(judge(rule, turn('conv-42', {}, [other('conv-42', { session: null })]))).toHaveLength(1);
    expect(judge(rule, other('GET conv-42', { session: 'conv-42' }))).toHaveLength(1);
  });

  it('finds a conversation id in a name', () => {
    const attributes = { 'gen_ai.conversation.id': 'thread_0001' };
    expect(judge(rule, other('run thread_0001', { session: 'a', attributes }))).toHaveLength(1);
  });

  it('finds an id on a metric: as an attribute, as a value of another one, or in the name', () => {
    expect(judgeMetric('tokens', { 'session.id': 'x' })).toEqual([
      'The metric "tokens" carries session.id in its attributes.',
    ]);
    expect(judgeMetric('tokens', { chat: 'conv-42' })).toEqual([
      'The metric "tokens" holds the id "conv-42" in its name or attributes.',
    ]);
    expect(judgeMetric('tokens.conv-42', {})).toHaveLength(1);
    expect(judgeMetric('tokens.conv-42', { 'session.id': 'conv-42' })).toHaveLength(1);
  });

  it('finds an id within a value and within a list, as a word of its own', () => {
    for (const value of ['/chats/conv-42', ['a', 'conv-42'], [['x conv-42']]])
      expect(judgeMetric('requests', { at: value })).toEqual([
        'The metric "requests" holds the id "conv-42" in its name or attributes.',
      ]);
    expect(judgeMetric('requests', { at: '/chats/conv-421', list: ['aconv-42', 42, null] })).toEqual([]);
  });

  it('finds the id of a conversation on a metric, and of several ids a session first', () => {
    const attributes = { 'gen_ai.conversation.id': 'thread_0001' };
    const judgeSeries = (series: Readonly<Record<string, unknown>>) => {
      const metrics = [{ name: 'tokens', series: [series] }];
      const capture = captureWith({ metrics }, other('chat', { attributes }), turn('conv-42'));
      return Array.from(rule.judge(capture.index), ({ what }) => what);
    };
    expect(judgeSeries({ chat: 'thread_0001' })).toEqual([
      'The metric "tokens" holds the id "thread_0001" in its name or attributes.',
    ]);
    expect(judgeSeries({ chat: 'thread_0001', path: '/conv-42' })).toEqual([
      'The metric "tokens" holds the id "conv-42" in its name or attributes.',
    ]);
  });

  it('reports a metric once, however often it was exported', () => {
    const metrics = [1, 2, 3].map(() => ({ name: 'tokens', series: [{ 'session.id': 'x' }] }));
    const again = { name: 'turns', series: [{ 'session.id': 'x' }] };
    expect([...rule.judge(captureWith({ metrics: [...metrics, again] }, turn('a')).index)]).toHaveLength(2);
  });

  it('accepts words that an id has in common with a name by chance', () => {
    expect(judge(rule, turn('pi'), turn('shop', {}, [other('GET shop')]))).toEqual([]);
    expect(judge(rule, turn('conv-4', {}, [other('GET conv-42')]), turn('m1'))).toEqual([]);
    expect(judge(rule, turn('42-a', {}, [other('GET conv42-a')]))).toEqual([]);
  });

  it.each([
    ['a word of 15 letters', 'recommendations', 0],
    ['a word of 16 letters', 'internationalize', 1],
    ['3 characters with a digit', 'ab1', 0],
    ['4 characters with a digit', 'abc1', 1],
  ])('looks for what is hardly a word by chance: %s', (_, id, count) => {
    expect(judge(rule, turn(id, {}, [other(`GET ${id}`)]))).toHaveLength(count);
  });

  it('accepts metrics without an id', () => {
    expect(judgeMetric('gen_ai.client.token.usage', { 'gen_ai.token.type': 'input' })).toEqual([]);
  });
});
