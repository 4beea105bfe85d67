import { describe, expect, it } from 'vitest';
import { chat, judge, turn } from '../testing/spans.ts';
import { noEngineIdLeak as rule } from './no-engine-id-leak.ts';

const attributes = { 'turnkeeper.engine.session.id': 'engine-1' };

describe('no-engine-id-leak', () => {
  it("finds a turn of another trace that goes by the engine's id", () => {
    expect(judge(rule, turn('conv-42', { attributes }), turn('engine-1', {}, []))).toEqual([
      'Span "invoke_agent pi" carries session "engine-1", which is an engine\'s own id of a conversation that the platform calls otherwise.',
    ]);
  });

  it('finds a single span that does', () => {
    expect(judge(rule, turn('conv-42', { attributes }, [chat({ session: 'engine-1' })]))).toHaveLength(1);
  });

  it("accepts the engine's id kept aside, and one that nobody overruled", () => {
    expect(judge(rule, turn('conv-42', { attributes }), turn('engine-2'))).toEqual([]);
  });
});
