import { NotUnderstood } from './json-bytes.ts';
import { requestNames, resourceNames, scopeNames } from './otlp-names.ts';
import { Processes } from './processes.ts';
import type { ScanMemory } from './scan-memory.ts';
import { SpanReader } from './span-reader.ts';

/** Reads lines of OTLP's JSON into rows of facts, byte by byte. */
export class OtlpScanner extends SpanReader {
  readonly processes: Processes = new Processes();
  /** How the last line begins that was read member by member, up to its first span, and the process of that. */
  #head = Buffer.from('none');
  #headProcess = -1;
  /** Where the line at hand begins, until there is a span. */
  #lineStart = -1;

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

  // Of what is nested, each may be entered in its midst: where the first spans of the line are.

  #request(): void {
    this.#lineStart = this.at;
    let isInside = this.#passHead();
    if (!isInside) {
      if (!this.enterObject()) this.giveUp();
      this.name();
      if (requestNames.find(this.bytes, this.textStart, this.textEnd) === -1) this.giveUp();
    }
    for (let item = isInside || this.enterArray(); item; item = this.nextItem()) {
      this.#resourceSpans(isInside);
      isInside = false;
    }
    if (this.nextMember() || this.peek() !== 0 || this.at < this.end) this.giveUp();
  }

  /** Most lines begin as the line before does: whether this one did, and is at its first span. */
  #passHead(): boolean {
    const start = this.at;
    const { length } = this.#head;
    if (start + length > this.end || this.bytes.compare(this.#head, 0, length, start, start + length) !== 0)
      return false;
    this.passTo(start + length);
    this.#lineStart = -1;
    return true;
  }

  #resourceSpans(isInside: boolean): void {
    // The collector writes the resource first; where it comes later the parser takes over.
    let resource = isInside ? this.#headProcess : -1;
    let hasScopes = isInside;
    if (isInside) this.#scopes(resource, true);
    for (let more = isInside ? this.nextMember() : this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const field = resourceNames.find(this.bytes, this.textStart, this.textEnd);
      if (field === 0 && resource === -1) {
        this.peek();
        const start = this.at;
        this.skip();
        resource = this.processes.numberOf(this.view, start, this.at);
      } else if (field === 1 && resource !== -1 && !hasScopes) {
        hasScopes = true;
        this.#scopes(resource, false);
      } else if (field === -1) this.skip();
      else this.giveUp();
    }
  }

  #scopes(resource: number, isFirstInside: boolean): void {
    let isInside = isFirstInside;
    for (let item = isInside || this.enterArray(); item; item = this.nextItem()) {
      this.#scopeSpans(resource, isInside);
      isInside = false;
    }
  }

  #scopeSpans(resource: number, isInside: boolean): void {
    let hasSpans = isInside;
    if (isInside) this.#spans(resource, true);
    for (let more = isInside ? this.nextMember() : this.enterObject(); more; more = this.nextMember()) {
      this.name();
      if (scopeNames.find(this.bytes, this.textStart, this.textEnd) === 0) {
        if (hasSpans) this.giveUp();
        hasSpans = true;
        this.#spans(resource, false);
      } else this.skip();
    }
  }

  #spans(resource: number, isInside: boolean): void {
    for (let item = isInside || this.#enterSpans(resource); item; item = this.nextItem()) this.span(resource);
  }

  /** Passes what opens a list of spans; whether there is one in it. */
  #enterSpans(resource: number): boolean {
    if (!this.enterArray()) return false;
    if (this.#lineStart !== -1) {
      this.#head = Buffer.from(this.bytes.subarray(this.#lineStart, this.at));
      this.#headProcess = resource;
    }
    this.#lineStart = -1;
    return true;
  }
}
