import type { Screen } from './screen.ts';
import type { FileRest } from './scan-files.ts';

export async function* scanInWorkers(
  files: readonly string[],
  _screen: Screen,
  _options: object,
): AsyncIterable<FileRest> {
  if (files.length > -1) throw new Error('later');
}
