import type { PartModel, ReportModel, SpanModel } from '../model.ts';
import { button, type Child, describeAmount, describeDuration, describeTokens, element, table } from './elements.ts';
import { nameOfPart, type Row } from './rows.ts';

/** Everything that is known about a line. `goTo` leads to another span. */
export function viewDetails(
  model: ReportModel,
  { part, span }: Row,
  goTo: (traceId: string, spanId: string) => void,
): readonly Child[] {
  return span === undefined ? viewPart(model, part) : viewSpan(model, part, span, goTo);
}

/** What rules found, with why it matters and how to mend it. */
export function viewFindings(model: ReportModel, positions: readonly number[]): readonly HTMLElement[] {
  return positions.flatMap((position) => {
    const finding = model.findings[position];
    if (finding === undefined) return [];
    const { rule, severity, what, why, fix } = finding;
    return [
      element('div', { class: `finding ${severity}` }, [
        element('b', {}, [rule]),
        element('p', {}, [what]),
        element('p', { class: 'dim' }, [why]),
        element('p', {}, [fix]),
      ]),
    ];
  });
}

function viewPart(model: ReportModel, part: PartModel): readonly Child[] {
  return [
    element('h3', {}, [nameOfPart(part)]),
    table([
      ['trace', part.traceId],
      ['start', new Date(part.start).toISOString()],
      ['duration', describeDuration(part.duration)],
      ['spans', describeAmount(part.spans.length)],
      ...describeTokens(part).map((tokens) => ['tokens in / out', tokens] as const),
    ]),
    ...viewFindings(model, part.findings),
  ];
}

function viewSpan(
  model: ReportModel,
  part: PartModel,
  span: SpanModel,
  goTo: (traceId: string, spanId: string) => void,
): readonly Child[] {
  const facts: readonly (readonly [string, string])[] = [
    ['session', span.session || 'none'],
    ['kind', span.kind],
    ['status', span.error === '' ? span.status : `${span.status}: ${span.error}`],
    ['start', `+${describeDuration(span.start)}`],
    ['duration', describeDuration(span.duration)],
    ['service', span.service],
    ['trace', part.traceId],
    ['span', span.id],
    ['read from', span.place],
  ];
  return [
    element('h3', {}, [span.name]),
    ...viewFindings(model, span.findings),
    table(facts.filter(([, value]) => value !== '')),
    ...span.links.map(({ label, traceId, spanId }) =>
      element('p', {}, [button({ class: 'link' }, `Go to ${label}`, () => goTo(traceId, spanId))]),
    ),
    ...section('Attributes', span.attributes),
    ...span.events.flatMap((event) => [
      element('h4', {}, [`Event ${event.name}, +${describeDuration(event.at)}`]),
      table(Object.entries(event.attributes)),
    ]),
    ...section('Resource', span.resource),
  ];
}

function section(title: string, attributes: SpanModel['attributes']): readonly Child[] {
  const pairs = Object.entries(attributes);
  return pairs.length === 0 ? [] : [element('h4', {}, [title]), table(pairs)];
}
