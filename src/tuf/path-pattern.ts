/**
 * Whether a target path matches a pattern of a delegation's `paths` (specification 4.5): `*` stands for any characters and `?` for one, but
 * neither for a `/`; everything else stands for itself. Takes no longer than path times pattern, whatever the pattern.
 *
 * @param path target path
 * @param pattern shell-style pattern
 */
export function matchesPattern(path: string, pattern: string): boolean {
  const segments = path.split('/');
  const globs = pattern.split('/');
  return segments.length === globs.length && globs.every((glob, i) => matchesSegment([...(segments[i] ?? '')], [...glob]));
}

/** Both as code points, so that `?` does not stand for half of one. */
function matchesSegment(text: readonly string[], glob: readonly string[]): boolean {
  let at = 0;
  let inGlob = 0;
  // Where the last `*` stands, and from where on it has not been tried what comes after it. Earlier ones need no second try.
  let star = -1;
  let next = 0;
  while (at < text.length) {
    if (glob[inGlob] === '*') {
      star = inGlob++;
      next = at;
    } else if (glob[inGlob] === '?' || glob[inGlob] === text[at]) {
      inGlob++;
      at++;
    } else if (star >= 0) {
      inGlob = star + 1;
      at = ++next;
    } else return false;
  }
  while (glob[inGlob] === '*') inGlob++;
  return inGlob === glob.length;
}
