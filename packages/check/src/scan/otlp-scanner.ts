import { NotUnderstood } from './json-bytes.ts';
import { requestNames, resourceNames, scopeNames } from './otlp-names.ts';
import { Processes } from './processes.ts';
import type { ScanMemory } from './scan-memory.ts';
import { SpanReader } from './span-reader.ts';

/** Reads lines of OTLP's JSON into rows of facts, byte by byte. */
export class OtlpScanner extends SpanReader {
  readonly processes: Processes = new Processes();
  /** The resource that was read last: its bytes and its process. */
  #lastResource = Buffer.from('none');
  #lastProcess = -1;

  /** Reads a line; false, and nothing taken, where it is left to the full parser. */
  scan(memory: ScanMemory, start: number, end: number): boolean {
    this.open(memory, start, end);
    try {
      this.#request();
      return true;
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error;
      for (const row of this.taken.splice(0)) this.rows.give(row);
      return false;
    }
  }

  #request(): void {
    let found = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      if (requestNames.find(this.bytes, this.textStart, this.textEnd) === -1) this.giveUp();
      found += 1;
      for (let item = this.enterArray(); item; item = this.nextItem()) this.#resourceSpans();
    }
    if (found !== 1 || this.peek() !== 0 || this.at < this.end) this.giveUp();
  }

  #resourceSpans(): void {
    // The collector writes the resource first; where it comes later the parser takes over.
    let resource = -1;
    let scopes = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = resourceNames.find(this.bytes, this.textStart, this.textEnd);
      if (field === 0 && resource === -1) {
        resource = this.#resource();
      } else if (field === 1 && resource !== -1 && scopes === 0) {
        scopes += 1;
        for (let item = this.enterArray(); item; item = this.nextItem()) this.#scopeSpans(resource);
      } else if (field === -1) this.skip();
      else this.giveUp();
    }
  }

  /** Most lines have the resource of the line before. */
  #resource(): number {
    this.peek();
    const start = this.at;
    const { length } = this.#lastResource;
    if (start + length <= this.end && this.bytes.compare(this.#lastResource, 0, length, start, start + length) === 0) {
      this.passTo(start + length);
      return this.#lastProcess;
    }
    this.skip();
    this.#lastProcess = this.processes.numberOf(this.view, start, this.at);
    this.#lastResource = Buffer.from(this.bytes.subarray(start, this.at));
    return this.#lastProcess;
  }

  #scopeSpans(resource: number): void {
    let found = 0;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      if (scopeNames.find(this.bytes, this.textStart, this.textEnd) === 0) {
        found += 1;
        if (found > 1) this.giveUp();
        for (let item = this.enterArray(); item; item = this.nextItem()) this.span(resource);
      } else this.skip();
    }
  }
}
