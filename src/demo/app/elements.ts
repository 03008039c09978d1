/**
 * @param id of an element that the page has
 * @returns the element
 * @throws Error when the page has no such element
 */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element "${id}".`);
  return found;
}

/** Puts these children in the place of those an element has. */
export function replace(parent: Element, children: readonly Node[]): void {
  parent.replaceChildren(...children);
}

/** @returns a new element with this text */
export function textElement<Name extends keyof HTMLElementTagNameMap>(name: Name, text: string): HTMLElementTagNameMap[Name] {
  const created = document.createElement(name);
  created.textContent = text;
  return created;
}
