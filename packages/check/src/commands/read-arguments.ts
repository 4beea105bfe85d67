import { parseArgs, type ParseArgsConfig } from 'node:util';
import { codeOf } from '../sources/bytes.ts';
import { UsageError } from './usage-error.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Arguments<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: T }>
>;

/**
 * The options and files of a command line.
 *
 * @throws UsageError for an option that there is not, for one without its value, and for an empty name.
 */
export function readArguments<const T extends Options>(argv: readonly string[], options: T): Arguments<T> {
  let parsed: Arguments<T>;
  try {
    parsed = parseArgs({ args: [...argv], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(describe(error));
  }
  if (parsed.positionals.includes('')) throw new UsageError('the name of a file is empty.');
  return parsed;
}

/** What Node says of a command line has several lines, or half a sentence: only the option in it is kept. */
function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, option = ''] = /'(-[^'\s=]*)/u.exec(message) ?? [];
  const code = codeOf(error);
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    return `there is no option ${JSON.stringify(option)}. A file whose name begins with a dash goes behind --.`;
  }
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return message;
  return message.includes('does not take')
    ? `the option ${option} takes no value.`
    : `the option ${option} lacks its value. A value that begins with a dash goes behind =, as in ${option}=-x.`;
}
