/** The parts of the documentation that are made from the code: the support table and the table of attributes. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadAdapter } from '../src/engine-patches.ts';
import { ENGINE_NAMES, type EngineName } from '../src/instrumentation.ts';

const root = new URL('../../../', import.meta.url);

/** How people call an engine. */
const TITLES: Readonly<Record<EngineName, string>> = { 'openai-agents': 'OpenAI Agents', pi: 'Pi' };

/** A document, with the part between its marks made anew. */
export interface GeneratedDocument {
  readonly path: string;
  readonly text: string;
}

/** Every document that has a generated part, as it should be. */
export function generateDocuments(): readonly GeneratedDocument[] {
  return [
    replacePart('README.md', 'support table', supportTable()),
    { path: fileURLToPath(new URL('docs/attributes.md', root)), text: attributesDocument() },
  ];
}

function supportTable(): string {
  const rows = ENGINE_NAMES.map((name) => {
    const { engine } = loadAdapter(name);
    const observed = engine ? `\`${engine.package}\` ${engine.range}` : '';
    return `| [${TITLES[name]}](docs/engines/${name}.md) | \`@turnkeeper/instrumentation/${name}\` | ${observed} |`;
  });
  return ['| engine | import | what is observed |', '| --- | --- | --- |', ...rows].join('\n');
}

function replacePart(path: string, name: string, part: string): GeneratedDocument {
  const file = fileURLToPath(new URL(path, root));
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- /${name} -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to === -1)
    throw new Error(`${path} has no marks for its generated part: ${begin.trim()} … ${end.trim()}`);
  return { path: file, text: text.slice(0, from + begin.length) + part + text.slice(to) };
}

/** semconv.ts is the only source: its sections, and what is said above each name. */
function attributesDocument(): string {
  const source = readFileSync(new URL('packages/instrumentation/src/record/semconv.ts', root), 'utf8');
  const lines = [
    '# Names',
    '',
    'Every attribute, event and metric that Turnkeeper writes or reads, made from `semconv.ts` by `pnpm write-docs`.',
  ];
  const entries =
    /(?:^\/\/ (?<section>.+)\n)|(?:^(?:\/\*\* (?<words>[^\n]+) \*\/\n)?export const (?<constant>\w+) =\s*'(?<name>[^']+)')/gm;
  for (const { groups } of source.matchAll(entries)) {
    if (groups?.['section'])
      lines.push('', `## ${groups['section'].replace(/\.$/, '')}`, '', '| name | what it says |', '| --- | --- |');
    else if (groups?.['name']) lines.push(`| \`${groups['name']}\` | ${groups['words'] ?? ''} |`);
  }
  return `${lines.join('\n')}\n`;
}
