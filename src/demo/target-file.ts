const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Which requests ask for a target's file.
 *
 * @param path target path, such as `assets/seal.png`
 * @returns matches the URL path under which the repository has it, whatever its hash
 */
export function targetFile(path: string): RegExp {
  const segments = path.split('/').map((segment) => escaped(encodeURIComponent(segment)));
  const name = segments.pop() ?? '';
  return new RegExp(`/vouchsafe/targets/${segments.map((segment) => `${segment}/`).join('')}[0-9a-f]{64}\\.${name}$`);
}
