import { AttributeKeys, numbered } from './attribute-keys.ts';
import { JsonBytes } from './json-bytes.ts';
import { counted, kept } from './names.ts';
import { keyNames, valueNames } from './otlp-names.ts';
import { eightBytes } from './pattern.ts';
import type { SpanFields } from './span-fields.ts';

// Pieces of {"key":"…","value":{"stringValue":"…"}} and of the same with an intValue, eight bytes at a time: see pattern.ts.
const beforeKey = eightBytes('{"key":"');
const beforeKeyLength = 8;
const value = eightBytes('","value');
const text = eightBytes('":{"stri');
const textValue = eightBytes('ngValue"');
const colonQuote = Buffer.from(':"').readInt16LE();
const integer = eightBytes('":{"intV');
const integerValue = eightBytes('Value":"');
const andMore = Buffer.from('"}},').readInt32LE();
const andEnd = Buffer.from('"}}]').readInt32LE();
const quote = 0x22;
/** Numbers from here on are of attributes whose value nobody reads. */
const readable = kept.length + counted.length;
/** No key has been read yet. */
const unread = -3;

/** Reads attributes as OTLP's JSON lists them: where the texts are that rules ask for, and the token counts. */
export class AttributeBytes extends JsonBytes {
  /** Where texts and numbers of the span at hand begin that decided how it was read. */
  protected readonly decisive: number[] = [];
  /** Whether there is something about the span at hand that the rules have to look at. */
  protected isOdd = false;
  readonly #keys = new AttributeKeys();

  /** Reads a list of attributes; only a span's own may be counted. */
  protected attributes(into: SpanFields, isOfSpan: boolean): void {
    if (!this.enterArray()) return;
    for (let more = true; more; more = this.nextItem()) {
      if (this.#plainAttributes(into, isOfSpan)) return;
      this.#attribute(into, isOfSpan);
    }
  }

  #attribute(into: SpanFields, isOfSpan: boolean): void {
    let field = unread;
    let isRead = false;
    for (let more = this.enterObject(); more; more = this.nextMember()) {
      this.name();
      const member = keyNames.find(this.bytes, this.textStart, this.textEnd);
      if (member === 0 && field === unread) {
        this.text();
        if (this.isEscaped) this.giveUp();
        this.decisive.push(this.textStart);
        field = this.#keys.find(this.bytes, this.view, this.textStart, this.textEnd);
        if (field === numbered) this.isOdd = true;
      } else if (member === 1 && field !== unread && !isRead) {
        isRead = true;
        if (field < 0) this.skip();
        else this.#value(field, into, isOfSpan);
      } else this.giveUp();
    }
    if (!isRead) this.giveUp();
  }

  /**
   * Nearly all attributes are one of two kinds: these are read in one go, as long as nothing is odd about them. Whether
   * that was up to the end of the list; else the next one is another kind.
   */
  #plainAttributes(into: SpanFields, isOfSpan: boolean): boolean {
    const { bytes, marks, view, end } = this;
    // Far more is compared than anything else is done, so that it is written out.
    while (this.at + 8 <= end && view.getFloat64(this.at, true) === beforeKey) {
      const { mark } = this;
      // Behind two marks around "key" and one before the key itself.
      const keyEnd = marks[mark + 3] ?? 0;
      if (view.getFloat64(keyEnd, true) !== value) return false;
      const type = view.getFloat64(keyEnd + 8, true);
      let start = keyEnd;
      if (type === text) {
        if (view.getFloat64(keyEnd + 16, true) !== textValue || view.getInt16(keyEnd + 24, true) !== colonQuote)
          return false;
        start += 26;
      } else {
        if (type !== integer || view.getFloat64(keyEnd + 15, true) !== integerValue) return false;
        start += 23;
      }
      // Behind six more: the end of the key, two around "value", two around its type, and where it begins.
      const valueEnd = marks[mark + 9] ?? 0;
      const behind = view.getInt32(valueEnd, true);
      if (start > end || valueEnd + 4 > end || (behind !== andMore && behind !== andEnd)) return false;
      const field = this.#keys.find(bytes, view, this.at + beforeKeyLength, keyEnd);
      if (field >= 0) {
        const isPlain = field < kept.length ? type === text : type === integer && isOfSpan && field < readable;
        if (!isPlain || !into.take(field, start, valueEnd)) return false;
      } else if (field === numbered) this.isOdd = true;
      this.decisive.push(this.at + beforeKeyLength);
      this.at = valueEnd + 4;
      this.mark = mark + 10;
      if (behind === andEnd) return true;
    }
    return false;
  }

  /** Reads a value that is kept or counted; any other is odd. */
  #value(field: number, into: SpanFields, isOfSpan: boolean): void {
    if (field >= readable || (!isOfSpan && field >= kept.length)) {
      this.isOdd = true;
      this.skip();
      return;
    }
    if (!this.enterObject()) this.giveUp();
    this.name();
    const type = valueNames.find(this.bytes, this.textStart, this.textEnd);
    if (type !== (field < kept.length ? 0 : 1)) this.giveUp();
    if (type === 1 && this.peek() !== quote) this.integer();
    else this.text();
    if ((type === 0 && this.isEscaped) || !into.take(field, this.textStart, this.textEnd)) this.giveUp();
    if (this.nextMember()) this.giveUp();
  }
}
