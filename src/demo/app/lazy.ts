/**
 * The lazy chunk: fetched when the page first needs it, long after the page itself.
 *
 * @returns a line of text that names the release this chunk was built in
 */
export function describeYourself(): string {
  return `I was fetched on demand, and I come from release ${RELEASE}.`;
}
