import type { PartModel, ReportModel, SpanModel } from '../model.ts';
import { badges, type Child, describeCount, describeDuration, describeTokens, element } from './elements.ts';
import { canClose, countFindings, nameOfPart, type Row } from './rows.ts';

/** Pixels; the same in the style. */
export const rowHeight = 28;
const indent = 14;
const deepest = 24;
/** However deep a span hangs, so much of its cell is for what it is called; pixels. */
const nameWidth = 110;
/** A line has room for the names of so many rules; more findings are counted. */
const namedFindings = 2;

/** How a line looks just now, and what happens to it. */
export interface RowState {
  readonly model: ReportModel;
  readonly isSelected: boolean;
  readonly isClosed: boolean;
  readonly isMatch: boolean;
  readonly toggle: () => void;
  readonly select: () => void;
}

/** One line of the waterfall. */
export function viewRow(row: Row, state: RowState): HTMLElement {
  const { part, span, position } = row;
  const { errors, warnings } = countFindings(state.model, (span ?? part).findings);
  const classes = [
    'row',
    span === undefined ? 'part' : 'span',
    ...(errors > 0 ? ['found error'] : warnings > 0 ? ['found warn'] : []),
    ...(state.isSelected ? ['selected'] : []),
    ...(state.isMatch ? ['match'] : []),
  ];
  const made = element(
    'div',
    {
      id: `row-${position}`,
      class: classes.join(' '),
      role: 'treeitem',
      'aria-level': String(span === undefined ? 1 : span.depth + 2),
      'aria-selected': String(state.isSelected),
      ...(canClose(row) ? { 'aria-expanded': String(!state.isClosed) } : {}),
    },
    span === undefined ? partCells(part, row, state) : spanCells(part, span, row, state),
    { click: state.select, dblclick: state.toggle },
  );
  made.style.top = `${position * rowHeight}px`;
  return made;
}

function partCells(part: PartModel, row: Row, state: RowState): readonly Child[] {
  const counts = countFindings(state.model, part.findings);
  return [
    element('div', { class: 'cell' }, [viewTwist(row, state), element('span', { class: 'label' }, [nameOfPart(part)])]),
    element('div', { class: 'cell' }, [
      ...(counts.errors + counts.warnings > 0 ? badges(counts) : []),
      ...[
        ...describeTokens(part).map((tokens) => `${tokens} tokens`),
        describeCount(part.spans.length, 'span'),
        describeDuration(part.duration),
      ].map((text) => element('span', {}, [text])),
    ]),
  ];
}

function spanCells(part: PartModel, span: SpanModel, row: Row, state: RowState): readonly Child[] {
  const whole = Math.max(part.duration, 0.001);
  const cell = element('div', { class: 'cell' }, [
    viewTwist(row, state),
    element('span', { class: `dot ${span.operation}` }),
    element('span', { class: 'label', title: span.name }, [span.name]),
    ...(span.error === '' ? [] : [element('span', { class: 'badge failed' }, [span.error])]),
    ...viewFound(span, state),
  ]);
  const depth = Math.min(span.depth + 1, deepest);
  cell.style.paddingLeft = `min(${indent * (1 + depth)}px, 100% - ${nameWidth}px)`;
  const bar = element('div', { class: `bar ${span.operation}${span.status === 'error' ? ' failed' : ''}` });
  bar.style.left = `${(100 * span.start) / whole}%`;
  bar.style.width = `${(100 * (span.duration ?? 0)) / whole}%`;
  const duration = element('span', { class: 'took' }, [describeDuration(span.duration)]);
  duration.style.left = `${Math.min((100 * (span.start + (span.duration ?? 0))) / whole, 100)}%`;
  return [cell, element('div', { class: 'track' }, [bar, duration])];
}

/** The rules that found something, or how many findings there are. */
function viewFound({ findings }: SpanModel, { model }: RowState): readonly Child[] {
  if (findings.length > namedFindings) return badges(countFindings(model, findings));
  return findings.flatMap((position) => {
    const finding = model.findings[position];
    return finding === undefined ? [] : [element('span', { class: `badge ${finding.severity}` }, [finding.rule])];
  });
}

function viewTwist(row: Row, { isClosed, toggle }: RowState): HTMLElement {
  return element('span', { class: 'twist' }, [canClose(row) ? (isClosed ? '▸' : '▾') : ''], {
    click: (event) => {
      event.stopPropagation();
      toggle();
    },
  });
}
