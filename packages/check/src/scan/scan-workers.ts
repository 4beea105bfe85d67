import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Input, sizeOf } from '../sources/bytes.ts';
import { type PartAnswer, type PartTask, showPart } from './scan-part.ts';
import { type NumberedRange, type RangeRest, scanRange } from './scan-range.ts';
import type { Screen } from './screen.ts';
import { isPlain } from './walk-lines.ts';

/** Bytes. Below, a thread takes longer to begin than it saves. */
const largeFrom = 64_000_000;
/** More threads than these wait for the disk, or for the one that puts together what they found. */
const mostWorkers = 3;

/** A scan makes little garbage, and need not gather much of it. */
const resourceLimits = { maxYoungGenerationSizeMb: 8 };

/** A thread that scans a part. */
export interface PartThread {
  readonly answer: Promise<PartAnswer>;
  close(): Promise<unknown>;
}

/** How files are shared among threads. */
export interface WorkerOptions {
  readonly workers: number;
  readonly patience: number;
  readonly onProgress: (spans: number) => void;
  /** How a thread is started. */
  readonly start: (task: PartTask) => PartThread;
}

/** How many workers files of so many bytes are worth. */
export function workersFor(bytes: number): number {
  return bytes < largeFrom ? 0 : Math.min(availableParallelism() - 1, mostWorkers);
}

/**
 * Scans the first part of some files here, and each other part in a thread of its own, and shows what those find to the
 * same screen: in the order of the input, whichever is done first. Gives what is left of each file.
 *
 * @throws InputError for the first line, in that order, that cannot be read.
 */
export async function* scanInWorkers(
  files: readonly Input[],
  screen: Screen,
  { workers, patience, onProgress, start }: WorkerOptions,
): AsyncIterable<Omit<RangeRest, 'lines'>> {
  const ranges = splitFiles(files, workers + 1);
  const others = ranges.slice(1).map((range) => start({ range, patience }));
  // Where a part fails, nobody asks for those behind it.
  for (const { answer } of others) answer.catch(() => {});
  try {
    for (let next = 0, number = 0; number < files.length; number += 1) {
      const rests: RangeRest[] = [];
      let lines = 0;
      for (let range = ranges[next]; range?.number === number; range = ranges[next]) {
        const other = others[next - 1];
        const rest =
          other === undefined
            ? // What others have seen is not known while this thread is busy: they are about as far.
              await scanRange(range, screen, (spans) => onProgress(spans * ranges.length))
            : showPart(await answerOf(other), screen, lines);
        rests.push(rest);
        lines += rest.lines;
        next += 1;
      }
      onProgress(screen.seen);
      yield {
        isEmpty: rests.every(({ isEmpty }) => isEmpty),
        logs: rests.flatMap(({ logs }) => logs),
        metrics: rests.flatMap(({ metrics }) => metrics),
      };
    }
  } finally {
    await Promise.all(others.map((other) => other.close()));
  }
}

/** The answer of a thread, which then is at an end: what it holds is of no use any more. */
async function answerOf(thread: PartThread): Promise<PartAnswer> {
  const answer = await thread.answer;
  await thread.close();
  return answer;
}

/** Parts of about the same size, in the order of the input. What is compressed is one part. */
function splitFiles(files: readonly Input[], parts: number): readonly NumberedRange[] {
  const sizes = files.map(sizeOf);
  const step = Math.max(Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / parts), 1);
  return files.flatMap((file, number) => {
    const count = isPlain(file) ? Math.max(Math.round((sizes[number] ?? 0) / step), 1) : 1;
    const length = Math.ceil((sizes[number] ?? 0) / count);
    return Array.from({ length: count }, (_, at) => ({
      file,
      number,
      from: at * length,
      // It may have grown meanwhile.
      to: at === count - 1 ? Number.POSITIVE_INFINITY : (at + 1) * length,
    }));
  });
}

/** Starts a worker. Whatever ends it without an answer is an error. */
export function startWorker(task: PartTask): PartThread {
  // Tests run from the sources.
  const name = import.meta.url.endsWith('.ts') ? './scan-worker.ts' : './scan-worker.js';
  // What the command line preloads is not meant for this.
  const worker = new Worker(new URL(name, import.meta.url), { workerData: task, execArgv: [], resourceLimits });
  const answer = new Promise<PartAnswer>((resolve, reject) => {
    worker.on('message', resolve);
    worker.on('messageerror', reject);
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`a thread that scans ended with ${code}, without an answer`)));
  });
  return { answer, close: () => worker.terminate() };
}
