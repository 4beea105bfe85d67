import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, type Input, nameOf, openStream, standardInput, unreadable } from './bytes.ts';
import { InputError } from './input-error.ts';

/** Bytes. Below, everything fits into memory many times over. */
export const largeFrom = 16_000_000;

const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/** Inputs of which each can be read more than once, until this is disposed of. */
export interface KeptInputs extends Disposable {
  readonly inputs: readonly Input[];
}

/**
 * Keeps what comes by standard input and by other pipes: in memory or, where it is large, in a temporary file. Files
 * are left where they are.
 *
 * @throws InputError when a pipe cannot be read, or when there is no room for what comes out of it.
 */
export async function keepInputs(files: readonly string[]): Promise<KeptInputs> {
  const folder = new TemporaryFolder();
  const kept = new Map<string, Input>();
  try {
    for (const file of new Set(files)) {
      const append = (bytes: Buffer): string => folder.append(String(kept.size), bytes);
      kept.set(file, isPipe(file) ? { name: nameOf(file), content: await readPipe(file, append) } : file);
    }
  } catch (error) {
    folder.remove();
    throw error;
  }
  return { inputs: files.map((file) => kept.get(file) ?? file), [Symbol.dispose]: () => folder.remove() };
}

function isPipe(file: string): boolean {
  if (file === standardInput) return true;
  try {
    const found = statSync(file);
    return !found.isFile() && !found.isDirectory();
  } catch {
    // Whoever reads it says in words what is wrong.
    return false;
  }
}

/** All that comes out of a pipe or, where that is large, the path of the file that it was appended to. */
async function readPipe(file: string, append: (bytes: Buffer) => string): Promise<Buffer | string> {
  const pieces: Buffer[] = [];
  let [size, path] = [0, ''];
  const bytes: AsyncIterable<Buffer> = openStream(file);
  try {
    for await (const piece of bytes) {
      pieces.push(piece);
      size += piece.length;
      if (size < largeFrom) continue;
      try {
        path = append(Buffer.concat(pieces.splice(0)));
      } catch (error) {
        throw withoutRoom(file, error);
      }
    }
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(file, error);
  }
  return path === '' ? Buffer.concat(pieces) : path;
}

function withoutRoom(file: string, error: unknown): InputError {
  return new InputError(
    nameOf(file),
    undefined,
    `there is too much of it for memory, and it cannot be put into ${tmpdir()} (${codeOf(error) ?? String(error)}). Set TMPDIR to a folder with room for it, or give the path of a file.`,
  );
}

/** A folder that is made when something is put into it. It does not outlive the process, even where a signal ends that. */
class TemporaryFolder {
  #path: string | undefined;
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.remove();
    process.kill(process.pid, signal);
  };

  /** Adds bytes to a file in here, and gives its path. */
  append(name: string, bytes: Buffer): string {
    if (this.#path === undefined) {
      this.#path = mkdtempSync(join(tmpdir(), 'turnkeeper-'));
      for (const signal of signals) process.on(signal, this.#onSignal);
    }
    const path = join(this.#path, name);
    appendFileSync(path, bytes);
    return path;
  }

  remove(): void {
    for (const signal of signals) process.off(signal, this.#onSignal);
    if (this.#path !== undefined) rmSync(this.#path, { recursive: true, force: true });
  }
}
