import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { expect, test } from 'vitest';
import * as semconv from './semconv.ts';

const published: ReadonlySet<unknown> = new Set(Object.values(conventions));
const names = Object.entries(semconv).filter(([constant]) => /^(ATTR|DEPRECATED_ATTR)_/.test(constant));

test.each(names.filter(([, name]) => !name.startsWith('turnkeeper.')))(
  '%s is a name of the published conventions',
  (_, name) => {
    expect(published).toContain(name);
  },
);

test('every other attribute is ours, and no name is spelled twice', () => {
  const values = names.map(([, name]) => name);
  expect(values.filter((name) => !published.has(name)).every((name) => name.startsWith('turnkeeper.'))).toBe(true);
  expect(new Set(values).size).toBe(values.length);
});
