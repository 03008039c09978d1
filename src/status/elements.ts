/**
 * @param id of an element that the page has
 * @returns the element
 */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(id);
  return found;
}

/**
 * Makes an element.
 *
 * @param name of the element
 * @param children nodes and texts
 * @returns the element
 */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

/**
 * A time as this device writes it.
 *
 * @param time milliseconds since 1970
 */
export function date(time: number): string {
  return new Date(time).toLocaleString();
}

/**
 * The same, for machines too.
 *
 * @param time milliseconds since 1970
 * @returns an element
 */
export function timeElement(time: number): HTMLTimeElement {
  const made = make('time', date(time));
  made.dateTime = new Date(time).toISOString();
  return made;
}

/**
 * Terms and what they mean, for a `dl`.
 *
 * @param entries by term; without a value there is no term
 * @returns the elements
 */
export function terms(entries: object): HTMLElement[] {
  return Object.entries(entries).flatMap(([name, value]) =>
    value === undefined ? [] : [make('dt', name), make('dd', `${value}`)],
  );
}
