import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generateDocuments } from '../scripts/generated-docs.ts';

test('the generated parts of the documentation are up to date (else run `pnpm write-docs`)', () => {
  for (const { path, text } of generateDocuments()) expect(existsSync(path) && readFileSync(path, 'utf8')).toBe(text);
});
