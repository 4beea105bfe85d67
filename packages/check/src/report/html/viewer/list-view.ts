import type { ConversationModel, ReportModel, SpanModel } from '../model.ts';
import {
  badges,
  button,
  type Child,
  countFact,
  describeCount,
  describeDuration,
  describeTokens,
  element,
  fact,
  describeAmount,
} from './elements.ts';
import { countFindings, nameOfConversation, nameOfPart } from './rows.ts';

/** Which conversations are listed. */
export type Filter = 'all' | 'findings' | 'failures';

const filters: readonly (readonly [Filter, string])[] = [
  ['all', 'All'],
  ['findings', 'With findings'],
  ['failures', 'With failures'],
];

/** What the list shows, and what happens to it. */
export interface ListState {
  readonly model: ReportModel;
  readonly filter: Filter;
  /** Lower case; empty: no search. */
  readonly words: string;
  readonly current: ConversationModel | undefined;
  readonly isMatch: (span: SpanModel) => boolean;
  readonly choose: (filter: Filter) => void;
  readonly open: (conversation: ConversationModel) => void;
}

/** The conversations that fit the filter and the search, with the buttons of the filter above them. */
export function viewList(state: ListState): readonly HTMLElement[] {
  const buttons = filters.map(([filter, label]) =>
    button({ 'aria-pressed': String(filter === state.filter) }, label, () => state.choose(filter)),
  );
  const items = state.model.conversations
    .filter((conversation) => isListed(conversation, state))
    .map((conversation) => viewItem(conversation, state));
  const shown = items.length > 0 ? items : [element('div', { class: 'empty' }, ['Nothing here matches.'])];
  return [element('div', { class: 'filters' }, buttons), ...shown];
}

/** The name of a conversation with its numbers. */
export function viewTitle(conversation: ConversationModel): readonly HTMLElement[] {
  const { turns, spans, failures, start, end } = conversation;
  const when = new Date(start).toISOString().replace('T', ' ').slice(0, 19);
  const facts: readonly Child[] = [
    countFact(turns, 'turn'),
    countFact(spans, 'span'),
    ...describeTokens(conversation).map((tokens) => fact(tokens, 'tokens in / out')),
    ...(failures > 0 ? [fact(describeAmount(failures), 'failed')] : []),
    element('span', {}, [`${when} UTC, ${describeDuration(end - start)}`]),
    ...badges(conversation),
  ];
  return [element('h2', {}, [nameOfConversation(conversation)]), element('div', { class: 'facts' }, facts)];
}

/** The parts of a conversation along the time line. */
export function viewStrip(
  model: ReportModel,
  { parts, start, end }: ConversationModel,
  isCurrent: (part: ConversationModel['parts'][number]) => boolean,
  select: (part: ConversationModel['parts'][number]) => void,
): readonly HTMLElement[] {
  const whole = Math.max(end - start, 0.001);
  return parts.map((part) => {
    const flaw = countFindings(model, part.findings).errors > 0 ? ' error' : '';
    const title = `${nameOfPart(part)}, ${describeDuration(part.duration)}`;
    const attributes = {
      class: `${part.kind}${flaw}`,
      title,
      'aria-label': title,
      'aria-current': String(isCurrent(part)),
    };
    const made = button(attributes, part.kind === 'turn' ? String(part.number) : '', () => select(part));
    made.style.left = `calc(6px + (100% - 32px) * ${(part.start - start) / whole})`;
    made.style.width = `calc((100% - 32px) * ${part.duration / whole})`;
    return made;
  });
}

function viewItem(conversation: ConversationModel, { current, open }: ListState): HTMLElement {
  const name = nameOfConversation(conversation);
  const meta = [describeCount(conversation.turns, 'turn'), describeCount(conversation.spans, 'span')];
  return element(
    'button',
    { type: 'button', class: 'conversation', 'aria-current': String(conversation === current) },
    [
      element('span', { class: 'name', title: name }, [name]),
      element('span', { class: 'meta' }, [...meta.map((text) => element('span', {}, [text])), ...badges(conversation)]),
    ],
    { click: () => open(conversation) },
  );
}

function isListed(conversation: ConversationModel, { filter, words, isMatch }: ListState): boolean {
  if (filter === 'findings' && conversation.errors + conversation.warnings === 0) return false;
  if (filter === 'failures' && conversation.failures === 0) return false;
  if (words === '' || (conversation.session ?? '').toLowerCase().includes(words)) return true;
  return conversation.parts.some((part) => part.traceId.includes(words) || part.spans.some(isMatch));
}
