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
 * @param text instead of the date
 * @returns an element that machines can read too
 */
export function timeElement(time: number, text = new Date(time).toLocaleString()): HTMLTimeElement {
  const made = make('time', text);
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
