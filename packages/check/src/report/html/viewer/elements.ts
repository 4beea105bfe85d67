/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/** What an element may hold. Text stays text: nothing here reads it as HTML. */
export type Child = Node | string;

/** What happens on an element, by the type of event. */
export type Listeners = Readonly<Record<string, (event: Event) => void>>;

/** An element with its attributes, children and listeners. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  children: readonly Child[] = [],
  listeners: Listeners = {},
): HTMLElement {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  fill(made, children);
  for (const [type, listener] of Object.entries(listeners)) made.addEventListener(type, listener);
  return made;
}

/** Puts children in place of those that an element has. One by one: a call takes only so many arguments. */
function fill(parent: HTMLElement, children: readonly Child[]): void {
  parent.replaceChildren();
  for (const child of children) parent.append(child);
}

/** Does the same where a button of them may have been pressed by a key: the focus stays on the one in its place. */
export function refill(parent: HTMLElement, children: readonly Child[]): void {
  const { activeElement } = document;
  const buttons = (): readonly HTMLElement[] => [...parent.querySelectorAll('button')];
  const focused = parent.contains(activeElement) ? buttons().findIndex((one) => one === activeElement) : -1;
  fill(parent, children);
  if (focused !== -1) buttons()[focused]?.focus();
}

/** A button that is told what to do. */
export function button(attributes: Readonly<Record<string, string>>, label: Child, press: () => void): HTMLElement {
  return element('button', { type: 'button', ...attributes }, [label], { click: press });
}

/** A duration in the unit that people say it in; null: there is none. */
export function describeDuration(milliseconds: number | null): string {
  if (milliseconds === null) return 'no end';
  if (milliseconds >= 3_600_000) return `${(milliseconds / 3_600_000).toFixed(1)} h`;
  if (milliseconds >= 60_000) return `${(milliseconds / 60_000).toFixed(1)} min`;
  if (milliseconds >= 1_000) return `${(milliseconds / 1_000).toFixed(2)} s`;
  return milliseconds >= 10 ? `${Math.round(milliseconds)} ms` : `${Number(milliseconds.toFixed(2))} ms`;
}

/** A number as people write it. */
export function describeAmount(value: number): string {
  return value.toLocaleString('en');
}

/** `1 turn`, `2 turns`. */
export function describeCount(value: number, noun: string): string {
  return `${describeAmount(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** A number with what it counts. */
export function fact(value: string, noun: string): HTMLElement {
  return element('span', {}, [element('b', {}, [value]), ` ${noun}`]);
}

/** An amount with what it counts: `1 turn`, `2 turns`. */
export function countFact(value: number, noun: string): HTMLElement {
  return fact(describeAmount(value), value === 1 ? noun : `${noun}s`);
}

/** What models took and gave, `12 / 3`; nothing where nobody told of any. */
export function describeTokens({ inputTokens, outputTokens }: Tokens): readonly string[] {
  return inputTokens + outputTokens > 0 ? [`${describeAmount(inputTokens)} / ${describeAmount(outputTokens)}`] : [];
}

interface Tokens {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** How many findings of each severity; a tick where there is none. */
export function badges({ errors, warnings }: { readonly errors: number; readonly warnings: number }): readonly Child[] {
  if (errors + warnings === 0) return [element('span', { class: 'badge good', title: 'no finding' }, ['✓'])];
  return [
    ...(errors > 0 ? [element('span', { class: 'badge error' }, [describeCount(errors, 'error')])] : []),
    ...(warnings > 0 ? [element('span', { class: 'badge warn' }, [describeCount(warnings, 'warning')])] : []),
  ];
}

/** Names and values, one pair a line. */
export function table(pairs: readonly (readonly [name: string, value: string])[]): HTMLElement {
  const cells = pairs.flatMap(([name, value]) => [element('dt', {}, [name]), element('dd', {}, [value])]);
  return element('dl', { class: 'mono' }, cells);
}
