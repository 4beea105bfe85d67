import { describe, expect, it } from 'vitest';
import { check } from '../check.ts';
import { rules } from '../rules/index.ts';
import { brokenExamples, wholeExamples } from './defects.ts';
import { captureOf } from './spans.ts';

describe('the examples', () => {
  it.each(wholeExamples)('have nothing wrong: $name', ({ traces }) => {
    expect(check(captureOf(...traces))).toEqual([]);
  });

  it.each(brokenExamples)('have something wrong: $name', ({ name, traces }) => {
    expect(check(captureOf(...traces)).map(({ rule }) => rule)).toContain(name.split(':', 1)[0]);
  });

  it('break every rule', () => {
    const broken = new Set(brokenExamples.map(({ name }) => name.split(':', 1)[0]));
    expect(rules.filter(({ id }) => !broken.has(id))).toEqual([]);
  });
});
