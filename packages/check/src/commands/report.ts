import { statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Capture } from '../capture.ts';
import { check, type Finding } from '../check.ts';
import type { Streams } from '../cli.ts';
import { modelReport } from '../report/html/model.ts';
import { writePage } from '../report/html/page.ts';
import { codeOf, nameOf } from '../sources/bytes.ts';
import { captureFiles } from '../sources/capture-files.ts';
import { InputError } from '../sources/input-error.ts';
import { chooseRules } from './choose-rules.ts';
import { readConfiguration } from './configuration.ts';
import { createProgress } from './progress.ts';
import { readArguments } from './read-arguments.ts';
import { UsageError } from './usage-error.ts';

const accepted = { out: { type: 'string', default: 'conversations.html' }, config: { type: 'string' } } as const;

/**
 * `turnkeeper report`: reads files, applies the rules and writes one page to look at. Gives the exit status 0: a report
 * is there to show what is wrong, not to fail on it.
 *
 * @throws UsageError for a wrong command line, InputError for an input that cannot be read.
 */
export async function reportCommand(argv: readonly string[], { stdout, stderr }: Streams): Promise<number> {
  const { values, positionals } = readArguments(argv, accepted);
  if (positionals.length === 0) throw new UsageError('no file was given to report on.');
  const out = values.out;
  const { rules: levels } = readConfiguration(values.config);
  // Refuses what is misspelled before anything is read.
  chooseRules({ levels });
  refuseToOverwrite(positionals, out);
  const capture = await read(positionals, stderr);
  const findings = check(capture, { levels });
  const page = pageOf(capture, findings, positionals);
  if (out === '-') {
    stdout.write(page);
    return 0;
  }
  try {
    writeFileSync(out, page);
  } catch (error) {
    throw new UsageError(`the report cannot be written to ${JSON.stringify(out)} (${codeOf(error) ?? String(error)}).`);
  }
  stdout.write(`${out}\n`);
  return 0;
}

/** A page is one text, and there is a limit to the length of one. */
function pageOf(capture: Capture, findings: readonly Finding[], files: readonly string[]): string {
  const title = `Conversations: ${files.map((file) => basename(file)).join(', ')}`;
  try {
    return writePage(modelReport(capture, findings), title);
  } catch (error) {
    if (!(error instanceof RangeError) || error.message !== 'Invalid string length') throw error;
    throw new InputError(
      files.map(nameOf).join(', '),
      undefined,
      `there are ${capture.spans.length} spans in here, which is more than one page can hold. Give fewer files, or the lines of some conversations only.`,
    );
  }
}

function refuseToOverwrite(files: readonly string[], out: string): void {
  const there = placeOf(out);
  const overwritten = files.find((file) => there !== undefined && placeOf(file) === there);
  if (overwritten === undefined) return;
  throw new UsageError(
    `the report would overwrite ${JSON.stringify(overwritten)}, which it reads: give --out another name.`,
  );
}

/** What tells a file from every other one, whatever it is called; undefined where there is none, or none to be seen. */
function placeOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

async function read(files: readonly string[], stderr: Streams['stderr']): Promise<Capture> {
  const progress = createProgress(stderr);
  try {
    return await captureFiles(files, progress.show);
  } finally {
    progress.clear();
  }
}
