/** `pnpm write-docs`: writes the parts of the documentation that are made from the code. */
import { writeFileSync } from 'node:fs';
import { generateDocuments } from './generated-docs.ts';

for (const { path, text } of generateDocuments()) writeFileSync(path, text);
