import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';

/** An app to measure with, as a folder of static files with an `index.html`. */
export interface App {
  readonly name: string;
  /** In words, for the report. */
  readonly words: string;
  readonly folder: string;
  /** The next release, when updates are measured. */
  readonly next?: string;
  /** How many files and bytes of them are not the same in the next release. */
  readonly changed?: { readonly files: number; readonly bytes: number };
  /** An expression that is true in a page where everything is there, or comes to true. */
  readonly whole: string;
  /** An expression that tells the two releases apart. */
  readonly release?: string;
}

const MODULES = 150;
const STYLES = 20;
const IMAGES = 30;
/** Modules that one module imports. The tree of 150 is four deep. */
const BRANCHES = 6;

/** The same numbers each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * The lab's app: 150 ES modules of 20 KB, 20 style sheets of 15 KB, 30 images of 65 KB and a page, 5.3 MB.
 *
 * @param folder where to write it; its next release, with a module, a style sheet and an image changed, comes beside it
 */
export function syntheticApp(folder: string): App {
  const next = `${folder}-next`;
  let changed = 0;
  for (const [target, release] of [
    [folder, 1],
    [next, 2],
  ] as const) {
    const write = (path: string, content: string | Uint8Array, isChanged = false) => {
      mkdirSync(dirname(join(target, path)), { recursive: true });
      writeFileSync(join(target, path), content);
      if (isChanged && release === 2) changed += content.length;
    };
    for (let i = 0; i < MODULES; i++) write(`js/module-${i}.js`, moduleSource(i, i === 7 ? release : 1), i === 7);
    for (let i = 0; i < STYLES; i++) write(`css/style-${i}.css`, styleSource(i, i === 3 ? release : 1), i === 3);
    for (let i = 0; i < IMAGES; i++) write(`img/image-${i}.png`, noisePng(i + (i === 11 ? 1000 * release : 0)), i === 11);
    write('index.html', synthethicPage());
  }
  return {
    name: 'synthetic',
    words: `${MODULES} modules, ${STYLES} style sheets, ${IMAGES} images, 5.3 MB`,
    folder,
    next,
    changed: { files: 3, bytes: changed },
    whole: `modulesRun === ${MODULES} && [...document.images].filter((image) => image.naturalWidth > 0).length === ${IMAGES} &&
      getComputedStyle(document.body).getPropertyValue('--last') !== ''`,
    release: 'module7Release',
  };
}

function synthethicPage(): string {
  const links = Array.from({ length: STYLES }, (_, i) => `<link rel="stylesheet" href="css/style-${i}.css">`);
  const images = Array.from({ length: IMAGES }, (_, i) => `<img src="img/image-${i}.png" width="148" height="148" alt="">`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Synthetic</title><link rel="icon" href="data:,">
${links.join('\n')}
<script>globalThis.modulesRun = 0</script>
<script type="module" src="js/module-0.js"></script>
</head>
<body>
${images.join('\n')}
</body>
</html>
`;
}

/** Functions that are mostly never called, as in most apps. */
function moduleSource(index: number, release: number): string {
  const children = Array.from({ length: BRANCHES }, (_, i) => index * BRANCHES + 1 + i).filter((child) => child < MODULES);
  const lines = children.map((child) => `import { value as v${child} } from './module-${child}.js';`);
  const number = random(index + 1);
  for (let size = 0, i = 0; size < 20_000; i++) {
    const [a, b, c] = [Math.floor(number() * 1e6), Math.floor(number() * 1e6), Math.floor(number() * 1e6)];
    const line = `export function f${i}(input, scale = ${a}) {
  const list = Array.isArray(input) ? input : [input, ${b}, 'text-${c}'];
  return list.map((item, at) => (typeof item === 'number' ? item * scale + at : String(item).length ^ ${c})).reduce((sum, item) => sum + item, ${a % 97});
}`;
    lines.push(line);
    size += line.length;
  }
  lines.push(`export const value = f0(${['1', ...children.map((child) => `v${child}`)].join(' + ')}) + f1([1, 2]);`);
  if (index === 7) lines.push(`globalThis.module7Release = ${release};`);
  lines.push('globalThis.modulesRun++;', '');
  return lines.join('\n');
}

function styleSource(index: number, release: number): string {
  const number = random(1000 + index);
  const rules = [`body { --release-${index}: ${release}; --last: ${index} }`];
  for (let size = 0, i = 0; size < 15_000; i++) {
    const rule = `.block-${index}-${i} > .part { margin: ${Math.floor(number() * 40)}px; color: #${Math.floor(number() * 0xffffff)
      .toString(16)
      .padStart(6, '0')}; transform: rotate(${number().toFixed(3)}turn) }`;
    rules.push(rule);
    size += rule.length;
  }
  return `${rules.join('\n')}\n`;
}

/** 148 by 148 points of noise: 65 KB. */
function noisePng(seed: number): Uint8Array {
  const side = 148;
  const number = random(2000 + seed);
  const rows = Buffer.alloc(side * (1 + side * 3));
  for (let i = 0; i < rows.length; i++) rows[i] = i % (1 + side * 3) === 0 ? 0 : Math.floor(number() * 256);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}
