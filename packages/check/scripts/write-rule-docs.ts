import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ruleDocs } from './rule-docs.ts';

const directory = fileURLToPath(new URL('../../../docs/rules/', import.meta.url));
mkdirSync(directory, { recursive: true });
for (const [file, text] of ruleDocs()) writeFileSync(`${directory}${file}`, text);
