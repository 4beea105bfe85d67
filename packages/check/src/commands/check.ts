import { parseArgs } from 'node:util';
import { check, CheckUsageError, type Finding } from '../check.ts';
import type { Streams } from '../cli.ts';
import { reportJson } from '../report/json.ts';
import { reportText } from '../report/text.ts';
import type { Level } from '../rule.ts';
import { captureFiles } from '../sources/capture-files.ts';
import { summarize } from '../summary.ts';
import { UsageError } from './usage-error.ts';

type Format = 'text' | 'json';

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
export async function checkCommand(argv: readonly string[], { stdout }: Streams): Promise<number> {
  const { files, format, levels, maxWarnings } = parseArguments(argv);
  const capture = await captureFiles(files);
  const findings = applyRules(() => check(capture, { levels }));
  const summary = summarize(capture);
  stdout.write(
    format === 'json'
      ? reportJson(summary, findings)
      : reportText(summary, findings, { colors: stdout.isTTY && !process.env['NO_COLOR'] }),
  );
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  return errors > 0 || findings.length - errors > maxWarnings ? 1 : 0;
}

function applyRules(apply: () => readonly Finding[]): readonly Finding[] {
  try {
    return apply();
  } catch (error) {
    throw error instanceof CheckUsageError ? new UsageError(error.message) : error;
  }
}

function parseArguments(argv: readonly string[]): CheckArguments {
  const { values, positionals } = parse(argv);
  if (positionals.length === 0) throw new UsageError('no file was given to check.');
  return {
    files: positionals,
    format: parseFormat(values.format),
    levels: Object.fromEntries([
      ...(values['no-content'] === true ? [['no-content', 'error'] as const] : []),
      ...(values.rule ?? []).map(parseLevel),
    ]),
    maxWarnings: parseLimit(values['max-warnings']),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        format: { type: 'string', default: 'text' },
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
  if (format === 'text' || format === 'json') return format;
  throw new UsageError(`there is no format ${JSON.stringify(format)}; there are text and json.`);
}

function parseLevel(setting: string): readonly [string, Level] {
  const [id = '', level, ...rest] = setting.split('=');
  if (rest.length === 0 && (level === 'off' || level === 'warn' || level === 'error')) return [id, level];
  throw new UsageError(`--rule ${JSON.stringify(setting)} is not of the form id=off, id=warn or id=error.`);
}

function parseLimit(limit: string | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (/^\d+$/u.test(limit)) return Number(limit);
  throw new UsageError(`--max-warnings ${JSON.stringify(limit)} is not a whole number.`);
}
