import type { ConversationModel, PartModel, ReportModel, SpanModel } from '../model.ts';
import { viewDetails, viewFindings } from './details-view.ts';
import { badges, button, countFact, element, refill } from './elements.ts';
import { type Filter, viewList, viewStrip, viewTitle } from './list-view.ts';
import { rowHeight, viewRow } from './row-view.ts';
import { canClose, countFindings, layOutRows, positionAbove, type Row } from './rows.ts';

/** A conversation of more spans begins with its parts closed. */
const openAtMost = 600;
/** Lines drawn above and below those that are seen. */
const margin = 6;
const keys: readonly (readonly [string, string])[] = [
  ['/', 'search'],
  ['↑ ↓', 'move'],
  ['← →', 'close, open'],
  ['n p', 'next, previous finding'],
  ['Esc', 'close details'],
];

/** The page: a list of conversations, the waterfall of the chosen one, and details of the chosen line. */
class Viewer {
  readonly #model: ReportModel;
  readonly #app: HTMLElement;
  readonly #list = element('nav', { 'aria-label': 'Conversations' }, [], {
    keydown: (event) => event instanceof KeyboardEvent && this.#onListKey(event),
  });
  readonly #title = element('div', { class: 'title' });
  readonly #strip = element('div', { class: 'strip', role: 'group', 'aria-label': 'Turns along the time line' });
  readonly #canvas = element('div', { class: 'canvas', role: 'presentation' });
  readonly #tree = element('div', { class: 'rows', role: 'tree', tabindex: '0', 'aria-label': 'Turns and spans' }, [], {
    scroll: () => this.#drawRows(),
    keydown: (event) => event instanceof KeyboardEvent && this.#onTreeKey(event),
  });
  readonly #details = element('aside', { 'aria-label': 'Details' });
  readonly #search = document.createElement('input');
  readonly #closed = new Set<PartModel | SpanModel>();
  readonly #texts = new Map<SpanModel, string>();
  #filter: Filter = 'all';
  #words = '';
  #current: ConversationModel | undefined;
  #rows: readonly Row[] = [];
  #selected = 0;

  constructor(model: ReportModel, app: HTMLElement) {
    this.#model = model;
    this.#app = app;
    this.#search.type = 'search';
    this.#search.placeholder = 'Search ids, names, attributes';
    this.#search.setAttribute('aria-label', 'Search');
    this.#search.addEventListener('input', () => this.#find(this.#search.value));
    this.#tree.append(this.#canvas);
    const loose = viewFindings(model, model.looseFindings);
    const main = element('main', {}, [
      ...(loose.length === 0
        ? []
        : [
            element(
              'div',
              { class: 'loose', role: 'group', tabindex: '0', 'aria-label': 'Findings of no span' },
              loose,
            ),
          ]),
      this.#title,
      this.#strip,
      this.#tree,
    ]);
    const hints = keys.map(([key, meaning]) => element('span', {}, [element('kbd', {}, [key]), ` ${meaning}`]));
    app.replaceChildren(this.#viewHeader(), this.#list, main, this.#details, element('footer', {}, hints));
    document.addEventListener('keydown', (event) => this.#onKey(event));
    window.addEventListener('resize', () => this.#drawRows());
    window.addEventListener('beforeprint', () => this.#drawRows(true));
    window.addEventListener('afterprint', () => this.#drawRows());
  }

  start(): void {
    const [first] = this.#model.conversations;
    if (first !== undefined) this.#open(first);
  }

  #viewHeader(): HTMLElement {
    const { sessions, turns, spans } = this.#model.summary;
    const facts = element('div', { class: 'facts' }, [
      countFact(sessions, 'conversation'),
      countFact(turns, 'turn'),
      countFact(spans, 'span'),
      ...badges(countFindings(this.#model, [...this.#model.findings.keys()])),
    ]);
    const theme = button({ class: 'button', 'aria-label': 'Light or dark' }, '◐', () => {
      const root = document.documentElement;
      const given = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
      root.dataset['theme'] = (root.dataset['theme'] ?? given) === 'dark' ? 'light' : 'dark';
    });
    return element('header', {}, [element('h1', {}, ['Turnkeeper']), facts, this.#search, theme]);
  }

  #open(conversation: ConversationModel): void {
    this.#current = conversation;
    this.#closed.clear();
    const { parts, spans } = conversation;
    if (spans > openAtMost && parts.length > 1) for (const part of parts) this.#closed.add(part);
    this.#selected = 0;
    this.#show(undefined);
    this.#title.replaceChildren(...viewTitle(conversation));
    this.#drawList();
    this.#tree.scrollTop = 0;
    this.#layOut();
  }

  #find(words: string): void {
    this.#words = words.trim().toLowerCase();
    this.#drawList();
    this.#drawRows();
  }

  #isMatch(span: SpanModel): boolean {
    if (this.#words === '') return false;
    const text =
      this.#texts.get(span) ??
      [span.name, span.id, span.error, JSON.stringify(span.attributes)].join(' ').toLowerCase();
    this.#texts.set(span, text);
    return text.includes(this.#words);
  }

  #drawList(): void {
    const items = viewList({
      model: this.#model,
      filter: this.#filter,
      words: this.#words,
      current: this.#current,
      isMatch: (span) => this.#isMatch(span),
      choose: (filter) => {
        this.#filter = filter;
        this.#drawList();
      },
      open: (conversation) => this.#open(conversation),
    });
    refill(this.#list, items);
  }

  #layOut(): void {
    this.#rows = layOutRows(this.#current, this.#closed);
    this.#selected = Math.max(Math.min(this.#selected, this.#rows.length - 1), 0);
    this.#canvas.style.height = `${this.#rows.length * rowHeight}px`;
    this.#drawRows();
    this.#drawStrip();
  }

  /** Draws the lines that are seen, and no others: a conversation may have tens of thousands. On paper, all are seen. */
  #drawRows(areAllSeen = false): void {
    const { scrollTop, clientHeight } = this.#tree;
    const first = areAllSeen ? 0 : Math.max(Math.floor(scrollTop / rowHeight) - margin, 0);
    const last = areAllSeen ? this.#rows.length : Math.ceil((scrollTop + clientHeight) / rowHeight) + margin;
    this.#canvas.replaceChildren(...this.#rows.slice(first, last).map((row) => this.#drawRow(row)));
    this.#tree.setAttribute('aria-activedescendant', `row-${this.#selected}`);
  }

  #drawRow(row: Row): HTMLElement {
    return viewRow(row, {
      model: this.#model,
      isSelected: row.position === this.#selected,
      isClosed: this.#closed.has(row.span ?? row.part),
      isMatch: row.span !== undefined && this.#isMatch(row.span),
      toggle: () => this.#toggle(row),
      select: () => this.#select(row.position),
    });
  }

  #drawStrip(): void {
    if (this.#current === undefined) return;
    const selected = this.#rows[this.#selected]?.part;
    const items = viewStrip(
      this.#model,
      this.#current,
      (part) => part === selected,
      (part) =>
        this.#select(
          this.#rows.findIndex((row) => row.part === part && row.span === undefined),
          true,
        ),
    );
    refill(this.#strip, items);
  }

  #toggle(row: Row): void {
    const target = row.span ?? row.part;
    if (!this.#closed.delete(target)) this.#closed.add(target);
    this.#layOut();
  }

  #select(position: number, isFirst = false): void {
    const row = this.#rows[position];
    if (row === undefined) return;
    this.#selected = position;
    const top = position * rowHeight;
    const { scrollTop, clientHeight } = this.#tree;
    if (isFirst || top < scrollTop) this.#tree.scrollTop = top;
    else if (top + rowHeight > scrollTop + clientHeight) this.#tree.scrollTop = top + rowHeight - clientHeight;
    this.#drawRows();
    this.#drawStrip();
    this.#show(row);
  }

  #show(row: Row | undefined): void {
    // What was pressed in the details is gone: the keys go on where the line is.
    if (this.#details.contains(document.activeElement)) this.#tree.focus();
    this.#app.classList.toggle('detailed', row !== undefined);
    this.#details.hidden = row === undefined;
    if (row === undefined) return;
    const close = button({ class: 'button close', 'aria-label': 'Close' }, '×', () => this.#show(undefined));
    const goTo = (traceId: string, spanId: string): void => this.#goTo(traceId, spanId);
    this.#details.replaceChildren(close, ...viewDetails(this.#model, row, goTo));
    this.#details.scrollTop = 0;
  }

  #goTo(traceId: string, spanId: string): void {
    const target = this.#model.conversations.find(({ parts }) =>
      parts.some((part) => part.traceId === traceId && part.spans.some(({ id }) => id === spanId)),
    );
    if (target === undefined) return;
    if (target !== this.#current) this.#open(target);
    this.#openEverything();
    this.#select(this.#rows.findIndex(({ part, span }) => part.traceId === traceId && span?.id === spanId));
  }

  #openEverything(): void {
    this.#closed.clear();
    this.#layOut();
  }

  /** Goes to the next finding, or the one before: in this conversation, else in the next one that has any. */
  #goToFinding(step: 1 | -1): void {
    const from = this.#rows[this.#selected];
    this.#openEverything();
    const at = this.#rows.findIndex(({ part, span }) => part === from?.part && span === from?.span);
    if (this.#selectFinding(step, at)) return;
    const all = this.#model.conversations;
    const here = all.findIndex((conversation) => conversation === this.#current);
    for (let moved = 1; moved <= all.length; moved += 1) {
      const other = all[(here + step * moved + all.length * 2) % all.length];
      if (other === undefined || other.errors + other.warnings === 0) continue;
      this.#open(other);
      this.#openEverything();
      this.#selectFinding(step, step === 1 ? -1 : this.#rows.length);
      return;
    }
  }

  #selectFinding(step: 1 | -1, at: number): boolean {
    const found = this.#rows.filter(({ span }) => span !== undefined && span.findings.length > 0);
    const next =
      step === 1 ? found.find(({ position }) => position > at) : found.findLast(({ position }) => position < at);
    if (next !== undefined) this.#select(next.position);
    return next !== undefined;
  }

  #onKey(event: KeyboardEvent): void {
    const isTyping = event.target === this.#search;
    if (event.key === 'Escape' && isTyping) this.#tree.focus();
    else if (event.key === 'Escape') this.#show(undefined);
    else if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === '/') this.#search.focus();
    else if (event.key === 'n') this.#goToFinding(1);
    else if (event.key === 'p') this.#goToFinding(-1);
    else return;
    event.preventDefault();
  }

  #onListKey(event: KeyboardEvent): void {
    const items = [...this.#list.querySelectorAll<HTMLElement>('.conversation')];
    const at = items.findIndex((item) => item === document.activeElement);
    const next = event.key === 'ArrowDown' ? at + 1 : event.key === 'ArrowUp' ? at - 1 : -1;
    if (at === -1 || items[next] === undefined) return;
    event.preventDefault();
    items[next].click();
    this.#list.querySelectorAll<HTMLElement>('.conversation')[next]?.focus();
  }

  #onTreeKey(event: KeyboardEvent): void {
    const row = this.#rows[this.#selected];
    if (row === undefined) return;
    const page = Math.max(Math.floor(this.#tree.clientHeight / rowHeight) - 1, 1);
    const end = this.#rows.length;
    const moves = new Map([
      ['ArrowDown', 1],
      ['ArrowUp', -1],
      ['PageDown', page],
      ['PageUp', -page],
      ['Home', -end],
      ['End', end],
    ]);
    const move = moves.get(event.key);
    const isClosed = this.#closed.has(row.span ?? row.part);
    if (move !== undefined) this.#select(Math.min(Math.max(this.#selected + move, 0), end - 1));
    else if (event.key === 'ArrowRight' && isClosed) this.#toggle(row);
    else if (event.key === 'ArrowLeft' && canClose(row) && !isClosed) this.#toggle(row);
    else if (event.key === 'ArrowLeft') this.#select(positionAbove(this.#rows, row));
    else if (event.key === 'Enter') this.#show(row);
    else return;
    event.preventDefault();
  }
}

/** Begins the page with the model that is in it. */
export function startViewer(): void {
  const app = document.querySelector<HTMLElement>('#app');
  const model: ReportModel = JSON.parse(document.querySelector('#model')?.textContent ?? '{}');
  if (app !== null) new Viewer(model, app).start();
}
