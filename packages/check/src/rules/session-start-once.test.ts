import { describe, expect, it } from 'vitest';
import { captureWith, judge, turn } from '../testing/spans.ts';
import { sessionStartOnce as rule } from './session-start-once.ts';

const start = (session: string, rest = {}) => ({
  name: 'session.start',
  attributes: { 'session.id': session, ...rest },
});
const judgeLogs = (...logs: readonly { readonly name: string; readonly attributes: object }[]) =>
  Array.from(
    rule.judge(captureWith({ logs: logs.map((log) => ({ ...log, attributes: { ...log.attributes } })) }).index),
    ({ what }) => what,
  );

describe('session-start-once', () => {
  it('finds a session that starts twice', () => {
    expect(judgeLogs(start('a'), start('b'), start('a'))).toEqual(['Session "a" has a second session.start.']);
  });

  it('takes a start that is there twice, as after a repeated export, for one', () => {
    const place = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
    const other = { ...place, spanId: 'c'.repeat(16) };
    expect(judgeLogs({ ...start('a'), ...place }, { ...start('a'), ...place })).toEqual([]);
    expect(judgeLogs({ ...start('a'), ...place }, { ...start('a'), ...other })).toHaveLength(1);
  });

  it('finds a session that continues itself, on a log event or on spans, once', () => {
    expect(judgeLogs(start('a', { 'session.previous_id': 'a' }))).toEqual([
      'Session "a" names itself as the session before.',
    ]);
    const attributes = { 'session.previous_id': 'a' };
    expect(judge(rule, turn('a', { attributes }), turn('a', { attributes }))).toHaveLength(1);
  });

  it('accepts one start for each session, other events, and sessions whose start the input lacks', () => {
    const end = { name: 'session.end', attributes: { 'session.id': 'a' } };
    expect(judgeLogs(start('a'), end, start('b', { 'session.previous_id': 'a' }))).toEqual([]);
    const nameless = { name: 'session.start', attributes: {} };
    expect(judgeLogs(nameless, nameless)).toEqual([]);
    expect(judge(rule, turn('a'), turn('b', { attributes: { 'session.previous_id': 'a' } }))).toEqual([]);
  });
});
