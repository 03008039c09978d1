/**
 * Whether a target path matches a pattern of a delegation's `paths` (specification 4.5): `*` stands for any characters and `?` for one, but
 * neither for a `/`; everything else stands for itself. Takes no longer than path times pattern, whatever the pattern.
 *
 * @param path target path
 * @param pattern shell-style pattern
 */
export function matchesPattern(path: string, pattern: string): boolean {
  let at = 0;
  let inPattern = 0;
  // Where the last `*` stands, and from where on it has not been tried what comes after it. Earlier ones need no second try.
  let star = -1;
  let next = 0;
  while (at < path.length) {
    const wanted = pattern[inPattern];
    if (wanted === '*') {
      star = inPattern++;
      next = at;
    } else if (wanted === path[at]) {
      inPattern++;
      at++;
    } else if (wanted === '?' && path[at] !== '/') {
      inPattern++;
      at += lengthOfCharacter(path, at);
    } else if (star >= 0 && path[next] !== '/') {
      next += lengthOfCharacter(path, next);
      at = next;
      inPattern = star + 1;
    } else return false;
  }
  while (pattern[inPattern] === '*') inPattern++;
  return inPattern === pattern.length;
}

/** Characters are code points: `?` does not stand for half of one. */
function lengthOfCharacter(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
