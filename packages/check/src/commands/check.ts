import type { Capture } from '../capture.ts';
import { check } from '../check.ts';
import type { Streams } from '../cli.ts';
import { reportGithub, withoutCommands } from '../report/github.ts';
import { reportJson } from '../report/json.ts';
import { reportJunit } from '../report/junit.ts';
import { reportText } from '../report/text.ts';
import type { Level } from '../rule.ts';
import { scanFiles } from '../scan/scan-files.ts';
import { workersFor } from '../scan/scan-workers.ts';
import { type Input, isCompressed, sizeOf } from '../sources/bytes.ts';
import { keepInputs, largeFrom } from '../sources/keep-inputs.ts';
import { isJsonLines } from '../sources/read-traces.ts';
import { captureClickHouse, type ClickHouseTable } from '../sources/clickhouse.ts';
import { queryByHttp, serverName } from '../sources/clickhouse/http.ts';
import { InputError } from '../sources/input-error.ts';
import { captureFiles } from '../sources/capture-files.ts';
import { summarize, type Summary } from '../summary.ts';
import { chooseRules } from './choose-rules.ts';
import { levelOf, readConfiguration } from './configuration.ts';
import { createProgress } from './progress.ts';
import { readArguments } from './read-arguments.ts';
import { UsageError } from './usage-error.ts';

const formats = ['text', 'json', 'junit', 'github'] as const;
type Format = (typeof formats)[number];

const accepted = {
  format: { type: 'string', default: 'text' },
  config: { type: 'string' },
  rule: { type: 'string', multiple: true },
  'max-warnings': { type: 'string' },
  clickhouse: { type: 'string' },
  database: { type: 'string' },
  table: { type: 'string' },
  since: { type: 'string' },
  workers: { type: 'string' },
  'no-content': { type: 'boolean' },
} as const;

interface FileSource {
  readonly files: readonly string[];
  /** Threads that scan large files beside this one; undefined: as many as they are worth. */
  readonly workers: number | undefined;
}

interface ClickHouseSource extends ClickHouseTable {
  readonly address: string;
}

interface CheckArguments {
  readonly source: FileSource | ClickHouseSource;
  readonly format: Format;
  readonly levels: Readonly<Record<string, Level>>;
  readonly maxWarnings: number;
}

/**
 * `turnkeeper check`: reads files, applies the rules and prints what they found. Gives the exit status.
 *
 * @throws UsageError for a wrong command line, InputError for an input that cannot be checked.
 */
export async function checkCommand(argv: readonly string[], { stdout, stderr }: Streams): Promise<number> {
  const { source, format, levels, maxWarnings } = parseArguments(argv);
  const applied = chooseRules({ levels });
  const { capture, summary } =
    'files' in source ? await readFiles(source, stderr) : await askClickHouse(source, stderr);
  const findings = check(capture, { levels });
  const colors = stdout.isTTY && !process.env['NO_COLOR'];
  const text = (): string => reportText(summary, findings, { colors });
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const warnings = findings.length - errors;
  const areTooMany = warnings > maxWarnings;
  const reports: Readonly<Record<Format, () => string>> = {
    text,
    json: () => reportJson(summary, findings),
    junit: () => reportJunit(applied, findings, { failsOnWarnings: areTooMany }),
    // Annotations are for the page of the pull request; the log has room for everything.
    github: () => `${reportGithub(findings)}${withoutCommands(text())}`,
  };
  stdout.write(reports[format]());
  if (areTooMany) stderr.write(`turnkeeper: ${describeExcess(warnings, maxWarnings)}\n`);
  return errors > 0 || areTooMany ? 1 : 0;
}

/** Why a check fails that has found no error. */
function describeExcess(warnings: number, most: number): string {
  return `${warnings} warning${warnings === 1 ? '' : 's'}, more than the ${most} that --max-warnings, or maxWarnings in the configuration, allows.`;
}

interface Material {
  readonly capture: Capture;
  readonly summary: Summary;
}

async function readFiles({ files, workers }: FileSource, stderr: Streams['stderr']): Promise<Material> {
  const progress = createProgress(stderr);
  using kept = await keepInputs(files);
  const { inputs } = kept;
  try {
    const size = inputs.reduce((sum, input) => sum + sizeOf(input), 0);
    // How large something is that is compressed shows when it is unpacked. The findings are the same.
    const isLarge = size >= largeFrom || inputs.some(isCompressed);
    if (isLarge && (await areLines(inputs))) {
      const options = { onProgress: progress.show, workers: workers ?? workersFor(size) };
      const { suspects, summary } = await scanFiles(inputs, options);
      return { capture: suspects, summary };
    }
    const capture = await captureFiles(inputs, progress.show);
    return { capture, summary: summarize(capture) };
  } finally {
    progress.clear();
  }
}

/** Whether inputs are of the kind that can be scanned. */
async function areLines(inputs: readonly Input[]): Promise<boolean> {
  for (const input of inputs) if (!(await isJsonLines(input))) return false;
  return true;
}

async function askClickHouse({ address, ...table }: ClickHouseSource, stderr: Streams['stderr']): Promise<Material> {
  const { suspects, summary, isCut } = await captureClickHouse(queryByHttp(address), table);
  if (summary === undefined) {
    throw new InputError(
      serverName(address),
      undefined,
      'the server does not answer as a ClickHouse does: asked how many spans there are, it gives no number. Is this the HTTP port of a ClickHouse?',
    );
  }
  if (summary.spans === 0) {
    throw new InputError(
      serverName(address),
      undefined,
      'there is not a single span in the table, or in the time asked for, so nothing was checked.',
    );
  }
  if (isCut)
    stderr.write(
      'turnkeeper: there is more to judge than is read back at once; mend these first, or look at less time with --since.\n',
    );
  return { capture: suspects, summary };
}

function parseArguments(argv: readonly string[]): CheckArguments {
  const { values, positionals } = readArguments(argv, accepted);
  const source = parseSource(values, positionals);
  const configuration = readConfiguration(values.config);
  return {
    source,
    format: parseFormat(values.format),
    levels: Object.fromEntries([
      ...Object.entries(configuration.rules),
      ...(values['no-content'] === true ? [['no-content', 'error'] as const] : []),
      ...(values.rule ?? []).map(parseLevel),
    ]),
    maxWarnings:
      parseCount('--max-warnings', values['max-warnings']) ?? configuration.maxWarnings ?? Number.POSITIVE_INFINITY,
  };
}

function parseSource(
  values: {
    readonly clickhouse?: string;
    readonly database?: string;
    readonly table?: string;
    readonly since?: string;
    readonly workers?: string;
  },
  files: readonly string[],
): FileSource | ClickHouseSource {
  const { clickhouse, since, workers, ...table } = values;
  if (clickhouse === undefined) {
    const stray = [since, table.database, table.table].some((value) => value !== undefined);
    if (stray) throw new UsageError('--database, --table and --since belong to --clickhouse.');
    if (files.length === 0) throw new UsageError('no file was given to check.');
    return { files, workers: parseCount('--workers', workers, 64) };
  }
  if (clickhouse === '') throw new UsageError('the address of --clickhouse is empty.');
  if (workers !== undefined) throw new UsageError('--workers belongs to files.');
  if (files.length > 0) throw new UsageError('--clickhouse and files cannot be checked at once.');
  return {
    address: clickhouse,
    ...(table.database === undefined ? {} : { database: table.database }),
    ...(table.table === undefined ? {} : { table: table.table }),
    ...(since === undefined ? {} : { since: parseDuration(since) }),
  };
}

/** Seconds. */
function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d+)(s|m|h|d)$/u.exec(text) ?? [];
  const seconds = new Map([
    ['s', 1],
    ['m', 60],
    ['h', 3_600],
    ['d', 86_400],
  ]).get(unit ?? '');
  if (amount !== undefined && seconds !== undefined) return Number(amount) * seconds;
  throw new UsageError(`--since ${JSON.stringify(text)} is no duration such as 30m, 1h or 7d.`);
}

function parseFormat(format: string): Format {
  const known = formats.find((name) => name === format);
  if (known !== undefined) return known;
  throw new UsageError(`there is no format ${JSON.stringify(format)}; there are ${formats.join(', ')}.`);
}

function parseLevel(setting: string): readonly [string, Level] {
  const [id = '', name, ...rest] = setting.split('=');
  const level = levelOf(name);
  if (rest.length === 0 && level !== undefined) return [id, level];
  throw new UsageError(`--rule ${JSON.stringify(setting)} is not of the form id=off, id=warn or id=error.`);
}

function parseCount(option: string, count: string | undefined, most = Number.MAX_SAFE_INTEGER): number | undefined {
  if (count === undefined) return undefined;
  if (/^\d+$/u.test(count) && Number(count) <= most) return Number(count);
  const limit = most === Number.MAX_SAFE_INTEGER ? '' : ` up to ${most}`;
  throw new UsageError(`${option} ${JSON.stringify(count)} is not a whole number${limit}.`);
}
