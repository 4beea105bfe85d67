import { describe, expect, it } from 'vitest';
import { captureOf, other } from '../../testing/spans.ts';
import { modelReport } from './model.ts';

describe('modelReport', () => {
  it('puts more spans of no session side by side than a call takes arguments', () => {
    const capture = captureOf(Array.from({ length: 150_000 }, () => other('GET')));
    const { conversations } = modelReport(capture, []);
    expect(conversations).toMatchObject([{ session: null, spans: 150_000 }]);
    expect(conversations[0]?.end).toBeGreaterThan(conversations[0]?.start ?? 0);
  });
});
