import { readFileSync } from 'node:fs';
import type { Level } from '../rule.ts';
import { codeOf } from '../sources/bytes.ts';
import { isRecord } from '../sources/json.ts';
import { UsageError } from './usage-error.ts';

/** The file that is read from the working directory when no other is named. */
const configurationFile = 'turnkeeper.config.json';

/** What `turnkeeper.config.json` may say; the command line beats it. */
export interface Configuration {
  /** Levels of rules by their id. */
  readonly rules: Readonly<Record<string, Level>>;
  /** More warnings than this count as a failure. */
  readonly maxWarnings: number | undefined;
}

/**
 * Reads a configuration: the file that is named or, where none is, the one of the working directory, if there is one.
 *
 * @throws UsageError when the file cannot be read, or says something that means nothing.
 */
export function readConfiguration(file: string | undefined): Configuration {
  const name = file ?? configurationFile;
  let text: string;
  try {
    text = readFileSync(name, 'utf8');
  } catch (error) {
    const code = codeOf(error) ?? String(error);
    if (file === undefined && code === 'ENOENT') return { rules: {}, maxWarnings: undefined };
    throw new UsageError(`the configuration ${JSON.stringify(name)} cannot be read (${code}).`);
  }
  // Some editors put a mark before a text.
  return parseConfiguration(parseJson(text.replace(/^\uFEFF/u, ''), name), name);
}

/** One of the three levels, if a text names one. */
export function levelOf(level: unknown): Level | undefined {
  return level === 'off' || level === 'warn' || level === 'error' ? level : undefined;
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`the configuration ${JSON.stringify(name)} is not JSON.`);
  }
}

function parseConfiguration(value: unknown, name: string): Configuration {
  if (!isRecord(value)) throw new UsageError(`the configuration ${JSON.stringify(name)} is no JSON object.`);
  const { $schema: _schema, rules = {}, maxWarnings, ...unknown } = value;
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) {
    throw new UsageError(`the configuration ${JSON.stringify(name)} has the unknown key ${JSON.stringify(stray)}.`);
  }
  if (!isRecord(rules)) throw new UsageError(`"rules" in ${JSON.stringify(name)} is no JSON object.`);
  return { rules: parseLevels(rules, name), maxWarnings: parseLimit(maxWarnings, name) };
}

function parseLevels(rules: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, Level>> {
  const levels = Object.entries(rules).map(([id, level]) => {
    const known = levelOf(level);
    if (known !== undefined) return [id, known] as const;
    throw new UsageError(`the level of ${JSON.stringify(id)} in ${JSON.stringify(name)} is not off, warn or error.`);
  });
  // A name such as __proto__ stays one, and is refused as any other that is unknown.
  return Object.fromEntries(levels);
}

function parseLimit(limit: unknown, name: string): number | undefined {
  if (limit === undefined || (typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 0)) return limit;
  throw new UsageError(`"maxWarnings" in ${JSON.stringify(name)} is not a whole number.`);
}
