/** The parts of the documentation that are made from the code: the support table and the table of attributes. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readRepertoire, SCENARIO_NAMES, SCENARIOS, type Repertoire } from '@turnkeeper/check/contract';
import { loadAdapter } from '../src/engine-patches.ts';
import { ENGINE_NAMES, type EngineName } from '../src/instrumentation.ts';

const root = new URL('../../../', import.meta.url);

/** How people call an engine. */
const TITLES: Readonly<Record<EngineName, string>> = {
  acp: 'Agent Client Protocol',
  copilot: 'GitHub Copilot',
  flame: 'Flame',
  'openai-agents': 'OpenAI Agents',
  pi: 'Pi',
  rivet: 'Rivet',
};

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
    { path: fileURLToPath(new URL('docs/engines/README.md', root)), text: limitsDocument() },
  ];
}

/** What an engine's adapter is held to by the contract suite; undefined where it has no recordings. */
function repertoireOf(name: EngineName): Repertoire | undefined {
  const folder = fileURLToPath(new URL(`packages/instrumentation/src/adapters/${name}/recordings`, root));
  return existsSync(folder) ? readRepertoire(folder) : undefined;
}

function supportTable(): string {
  const engines = ENGINE_NAMES.map((name) => ({ name, adapter: loadAdapter(name), repertoire: repertoireOf(name) }));
  const row = (title: string, cell: (engine: (typeof engines)[number]) => string): string =>
    `| ${[title, ...engines.map(cell)].join(' | ')} |`;
  return [
    row('', ({ name }) => `[${TITLES[name]}](docs/engines/${name}.md)`),
    row('---', () => '---'),
    row('import', ({ name }) => `\`/${name}\``),
    row('run on', ({ adapter }) => (adapter.engine ? `\`${adapter.engine.package}\` ${adapter.engine.range}` : '')),
    ...SCENARIO_NAMES.map((scenario) =>
      row(SCENARIOS[scenario], ({ repertoire }) => (repertoire?.played.has(scenario) ? '✓' : '–')),
    ),
  ].join('\n');
}

/** Why each `–` of the support table: the adapters say it in words. */
function limitsDocument(): string {
  const lines = [
    '# Engines',
    '',
    'What the contract suite plays to each adapter is in the support table of the README. What an engine cannot do,',
    'its adapter says in words:',
  ];
  for (const name of ENGINE_NAMES) {
    const impossible = [...(repertoireOf(name)?.impossible ?? [])];
    lines.push('', `## [${TITLES[name]}](${name}.md)`, '');
    if (impossible.length === 0) lines.push('Everything was played.');
    for (const [scenario, reason] of impossible) lines.push(`* ${SCENARIOS[scenario]}: ${reason}`);
  }
  return `${lines.join('\n')}\n`;
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
