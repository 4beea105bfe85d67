import { AttributeKeys, ignored, numbered } from './attribute-keys.ts';
import { JsonBytes } from './json-bytes.ts';
import { counted, kept } from './names.ts';
import { beforeInteger, beforeKey, beforeText, keyNames, valueNames } from './otlp-names.ts';
import type { SpanFields } from './span-fields.ts';
import { flag } from './span-rows.ts';

const quote = 0x22;
const closeBrace = 0x7d;
/** No key has been read yet. */
const unread = -3;

/** Reads attributes as OTLP's JSON lists them: where the texts are that rules ask for, and the token counts. */
export class AttributeBytes extends JsonBytes {
  /** What is known of the span at hand: bits of `flag`. */
  protected flags = 0;
  readonly #keys = new AttributeKeys();

  /** Reads a list of attributes; only a span's own may be counted. */
  protected attributes(into: SpanFields, isOfSpan: boolean): void {
    for (let item = this.enterArray(); item; item = this.nextItem())
      if (!this.#plainAttribute(into, isOfSpan)) this.#attribute(into, isOfSpan);
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
        field = this.#keys.find(this.bytes, this.view, this.textStart, this.textEnd);
        if (field === numbered) this.flags |= flag.isFlawed;
      } else if (member === 1 && field !== unread && !isRead) {
        isRead = true;
        if (field < 0) this.skip();
        else this.#value(field, into, isOfSpan);
      } else this.giveUp();
    }
    if (!isRead) this.giveUp();
  }

  /** Nearly all attributes are one of two kinds: these are read in one go, if nothing is odd about them. */
  #plainAttribute(into: SpanFields, isOfSpan: boolean): boolean {
    const { at, bytes, mark, marks, view } = this;
    if (!this.isAhead(at, beforeKey)) return false;
    const keyStart = at + beforeKey.length;
    // Behind two marks around "key" and one before the key itself.
    const keyEnd = marks[mark + 3] ?? 0;
    const isText = this.isAhead(keyEnd, beforeText);
    if (!isText && !this.isAhead(keyEnd, beforeInteger)) return false;
    const start = keyEnd + (isText ? beforeText.length : beforeInteger.length);
    // Behind six more: the end of the key, two around "value", two around its type, and where it begins.
    const end = marks[mark + 9] ?? 0;
    if (end >= this.end || bytes[end] !== quote || bytes[end + 1] !== closeBrace || bytes[end + 2] !== closeBrace)
      return false;
    const field = this.#keys.find(bytes, view, keyStart, keyEnd);
    if (field === numbered) this.flags |= flag.isFlawed;
    else if (field === ignored) {
      // Nobody asks.
    } else if (!isText) {
      if (!isOfSpan || !into.takeCount(field - kept.length, start, end)) return false;
    } else if (!into.takeText(field, start, end)) return false;
    this.at = end + 3;
    this.mark = mark + 10;
    return true;
  }

  #value(field: number, into: SpanFields, isOfSpan: boolean): void {
    if (field >= kept.length + counted.length || (!isOfSpan && field >= kept.length)) {
      this.flags |= flag.isFlawed;
      this.skip();
      return;
    }
    if (!this.enterObject()) this.giveUp();
    this.name();
    const type = valueNames.find(this.bytes, this.textStart, this.textEnd);
    if (field >= kept.length) {
      const { counts } = into;
      const count = field - kept.length;
      if (type !== 1 || counts[count] !== -1) this.giveUp();
      counts[count] = this.integer();
    } else {
      if (type !== 0) this.giveUp();
      this.text();
      if (this.isEscaped || !into.takeText(field, this.textStart, this.textEnd)) this.giveUp();
    }
    if (this.nextMember()) this.giveUp();
  }
}
