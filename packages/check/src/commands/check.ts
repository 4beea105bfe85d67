import { parseArgs } from 'node:util';
import { check, type CheckOptions, CheckUsageError, rulesOf } from '../check.ts';
import type { Streams } from '../cli.ts';
import { reportGithub } from '../report/github.ts';
import { reportJson } from '../report/json.ts';
import { reportJunit } from '../report/junit.ts';
import { reportText } from '../report/text.ts';
import type { Level, Rule } from '../rule.ts';
import { captureFiles } from '../sources/capture-files.ts';
import { summarize } from '../summary.ts';
import { levelOf, readConfiguration } from './configuration.ts';
import { createProgress } from './progress.ts';
import { UsageError } from './usage-error.ts';

const formats = ['text', 'json', 'junit', 'github'] as const;
type Format = (typeof formats)[number];

interface CheckArguments {
  readonly files: readonly string[];
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
  const { files, format, levels, maxWarnings } = parseArguments(argv);
  const applied = chooseRules({ levels });
  const progress = createProgress(stderr);
  const capture = await captureFiles(files, progress.show);
  progress.clear();
  const findings = check(capture, { levels });
  const summary = summarize(capture);
  const colors = stdout.isTTY && !process.env['NO_COLOR'];
  const text = (): string => reportText(summary, findings, { colors });
  const reports: Readonly<Record<Format, () => string>> = {
    text,
    json: () => reportJson(summary, findings),
    junit: () => reportJunit(applied, findings),
    // Annotations are for the page of the pull request; the log has room for everything.
    github: () => `${reportGithub(findings)}${text()}`,
  };
  stdout.write(reports[format]());
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  return errors > 0 || findings.length - errors > maxWarnings ? 1 : 0;
}

function chooseRules(options: CheckOptions): readonly Rule[] {
  try {
    return rulesOf(options);
  } catch (error) {
    throw error instanceof CheckUsageError ? new UsageError(error.message) : error;
  }
}

function parseArguments(argv: readonly string[]): CheckArguments {
  const { values, positionals } = parse(argv);
  if (positionals.length === 0) throw new UsageError('no file was given to check.');
  const configuration = readConfiguration(values.config);
  return {
    files: positionals,
    format: parseFormat(values.format),
    levels: Object.fromEntries([
      ...Object.entries(configuration.rules),
      ...(values['no-content'] === true ? [['no-content', 'error'] as const] : []),
      ...(values.rule ?? []).map(parseLevel),
    ]),
    maxWarnings: parseLimit(values['max-warnings']) ?? configuration.maxWarnings ?? Number.POSITIVE_INFINITY,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        format: { type: 'string', default: 'text' },
        config: { type: 'string' },
        rule: { type: 'string', multiple: true },
        'max-warnings': { type: 'string' },
        'no-content': { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
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

function parseLimit(limit: string | undefined): number | undefined {
  if (limit === undefined) return undefined;
  if (/^\d+$/u.test(limit)) return Number(limit);
  throw new UsageError(`--max-warnings ${JSON.stringify(limit)} is not a whole number.`);
}
