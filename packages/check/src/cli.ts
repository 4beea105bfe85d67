import { readFileSync } from 'node:fs';
import { checkCommand } from './commands/check.ts';
import { reportCommand } from './commands/report.ts';
import { UsageError } from './commands/usage-error.ts';
import { codeOf } from './sources/bytes.ts';
import { InputError } from './sources/input-error.ts';
import { printable } from './tree.ts';

const help = `turnkeeper: checks that agent conversations stay on one session id

  turnkeeper check <file>…   check trace files, or - for standard input
                             exit status 0: whole, 1: something is wrong, 2: not checked
  turnkeeper check --clickhouse <address>
                             check the table of a collector's ClickHouse exporter, on the server
  turnkeeper report <file>…  write a page that shows the conversations, with each finding where it is

Files are OTLP (JSON lines, a JSON document or protobuf, as a collector or an exporter writes it) or the lines of
Copilot's own exporter; any of them may be compressed with gzip or zstd.

Options of check
  --format text|json|junit|github   how to print the result (default: text)
  --rule id=off|warn|error          the level of a rule; may be given again
  --max-warnings N                  more warnings than this count as a failure
  --no-content                      recorded prompts and answers count as errors
  --config <file>                   levels and limits (default: turnkeeper.config.json, where there is one)
  --workers N                       threads that help with large files (default: the other cores, at most 3)

Options of check --clickhouse
  --database <name>                 default: otel
  --table <name>                    default: otel_traces
  --since <duration>                look at the last 30m, 1h, 7d (default: at everything)

Options of report
  --out <file>                      where to write the page (default: conversations.html; - for standard output)
  --config <file>                   as above

  -h, --help             this text
  --version              the version
`;

/** Where a command writes to. */
export interface Streams {
  readonly stdout: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;
  readonly stderr: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;
}

/**
 * The command line. Gives the exit status: 0 no error-level finding, 1 at least one or too many warnings, 2 misuse or
 * an input that cannot be checked. Never throws.
 */
export async function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const [command, ...rest] = argv;
  if (streams === process) {
    process.stdout.on('error', onUnwritten);
    // The status says it too.
    process.stderr.on('error', () => {});
  }
  try {
    if (command === '--help' || command === '-h' || command === 'help') return print(streams, help);
    if (command === '--version') return print(streams, `${readVersion()}\n`);
    const run = command === 'check' ? checkCommand : command === 'report' ? reportCommand : undefined;
    if (run !== undefined) {
      return rest.includes('--help') || rest.includes('-h') ? print(streams, help) : await run(rest, streams);
    }
    throw new UsageError(
      command === undefined ? 'no command was given.' : `there is no command ${JSON.stringify(command)}.`,
    );
  } catch (error) {
    streams.stderr.write(`${printable(describe(error))}\n`);
    return 2;
  }
}

/** What was not written was not told: the disk is full. A reader that has seen enough, such as `head`, is no failure. */
function onUnwritten(error: Error): void {
  const code = codeOf(error) ?? error.message;
  if (code === 'EPIPE') return;
  process.stderr.write(`turnkeeper: standard output cannot be written (${code}).\n`);
  // Whoever called may not have set the status yet.
  process.once('exit', () => {
    process.exitCode = 2;
  });
}

function print({ stdout }: Streams, text: string): number {
  stdout.write(text);
  return 0;
}

function describe(error: unknown): string {
  if (error instanceof InputError) return `turnkeeper: ${error.message}`;
  if (error instanceof UsageError) return `turnkeeper: ${error.message} See turnkeeper --help.`;
  const message = error instanceof Error ? error.message : String(error);
  return `turnkeeper: ${message.split('\n', 1)[0]} (this is a defect of turnkeeper; please report it)`;
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : '';
  return String(version);
}
