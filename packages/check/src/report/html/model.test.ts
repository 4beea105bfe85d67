import { describe, expect, it } from 'vitest';
import { captureRecords } from '../../capture.ts';
import { check } from '../../check.ts';
import { captureOf, other, spansOf, turn } from '../../testing/spans.ts';
import { modelReport } from './model.ts';

describe('modelReport', () => {
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
