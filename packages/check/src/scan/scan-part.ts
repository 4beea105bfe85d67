import { InputError } from '../sources/input-error.ts';
import { type NumberedRange, type RangeRest, scanRange } from './scan-range.ts';
import type { ScreenPart } from './screen-part.ts';
import { Screen } from './screen.ts';

/** A part of the input, behind another one, to be scanned by itself. */
export interface PartTask {
  readonly range: NumberedRange;
  readonly patience: number;
}

/** What was found in a part, or why it could not be read. It can be sent from one thread to another. */
export type PartAnswer =
  | { readonly part: ScreenPart; readonly rest: RangeRest }
  | { readonly file: string; readonly line: number | undefined; readonly reason: string };

/** Scans a part. Places count from its beginning. */
export async function scanPart({ range, patience }: PartTask): Promise<PartAnswer> {
  const screen = new Screen({ patience, isContinuation: true });
  try {
    const rest = await scanRange(range, screen);
    return { part: screen.toPart(), rest };
  } catch (error) {
    // Anything else is a defect.
    if (!(error instanceof InputError)) throw error;
    return { file: error.file, line: error.line, reason: error.reason };
  }
}

/**
 * Shows what was found in a part to the screen of everything before, which is so many lines of the same file.
 *
 * @throws InputError when it could not be read.
 */
export function showPart(answer: PartAnswer, screen: Screen, lines: number): RangeRest {
  if ('part' in answer) {
    screen.absorb(answer.part, lines);
    return movedBy(lines, answer.rest);
  }
  const { file, line, reason } = answer;
  throw new InputError(file, line === undefined ? undefined : line + lines, reason);
}

function movedBy(lines: number, { logs, metrics, ...rest }: RangeRest): RangeRest {
  const move = <T extends RangeRest['logs'][number] | RangeRest['metrics'][number]>(record: T): T =>
    record.place?.line === undefined
      ? record
      : { ...record, place: { ...record.place, line: record.place.line + lines } };
  return { ...rest, logs: logs.map(move), metrics: metrics.map(move) };
}
