import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ruleDocs } from '../../scripts/rule-docs.ts';
import { rules } from './index.ts';

const docs = fileURLToPath(new URL('../../../../docs/rules/', import.meta.url));

describe('the documentation of the rules', () => {
  it('is what the rules say: run packages/check/scripts/write-rule-docs.ts after a change', () => {
    const written = readdirSync(docs).map((file) => [file, readFileSync(`${docs}${file}`, 'utf8')] as const);
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(ruleDocs()));
  });

  it('has tests of each rule to point to', () => {
    const missing = rules.filter(({ id }) => !existsSync(fileURLToPath(new URL(`${id}.test.ts`, import.meta.url))));
    expect(missing).toEqual([]);
  });
});
