/** A kind of file that the app is made of, and the proof that it ran or was drawn. */
export interface Part {
  readonly kind: string;
  /** Target path of the file, as the violations name it. */
  readonly path: string;
  /** Draws or runs the part; rejects when its file was refused. */
  show(): Promise<Node | string>;
}

const image = (name: string, alt: string) => async (): Promise<Node> => {
  const element = new Image();
  element.src = `/${name}`;
  element.alt = alt;
  await element.decode();
  return element;
};

const font = async (): Promise<Node> => {
  const loaded = await document.fonts.load('24px "Seven by Five"', 'SIGNED');
  if (loaded.length === 0) throw new Error('The font did not load.');
  const text = document.createElement('span');
  text.className = 'specimen';
  text.textContent = 'Signed, sealed';
  return text;
};

const styleSheet = async (): Promise<Node> => {
  if (getComputedStyle(document.documentElement).getPropertyValue('--applied').trim() === '')
    throw new Error('The style is not applied.');
  const swatches = document.createElement('span');
  swatches.className = 'swatches';
  swatches.append(...['accent', 'good', 'bad'].map((name) => Object.assign(document.createElement('span'), { className: name })));
  return swatches;
};

const data = async (): Promise<string> => {
  const response = await fetch('/release.json');
  const { name, notes } = (await response.json()) as { name: string; notes: string };
  return `“${name}”: ${notes}`;
};

/** What a page can see of the response's headers: only what the release's manifest signs, whatever the server sent. */
const headers = async (): Promise<Node> => {
  const response = await fetch('/release.json');
  const list = document.createElement('code');
  list.textContent = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  return list;
};

const lazyChunk = async (): Promise<string> => (await import('./lazy.js')).describeYourself();

const webWorker = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./primes.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<number>) => {
      worker.terminate();
      resolve(`${data.toLocaleString('en')} primes below 1,000,000, counted beside the page.`);
    });
    worker.addEventListener('error', () => reject(new Error('The worker did not start.')));
    worker.postMessage(1_000_000);
  });

type Mandelbrot = (x: number, y: number, limit: number) => number;

const webAssembly = async (): Promise<Node> => {
  const { instance } = await WebAssembly.instantiateStreaming(fetch('/mandelbrot.wasm'));
  const mandelbrot = instance.exports.mandelbrot as Mandelbrot;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: 320, height: 180 });
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', 'The Mandelbrot set, computed by WebAssembly');
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('This browser draws no canvas.');
  const pixels = context.createImageData(canvas.width, canvas.height);
  for (let y = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const share = mandelbrot((x / canvas.width) * 3.2 - 2.2, (y / canvas.height - 0.5) * 1.9, 120) / 120;
      const inside = share >= 1;
      pixels.data.set(
        [inside ? 20 : 40 + 600 * share, inside ? 20 : 60 + 330 * share, inside ? 30 : 90 + 160 * share, 255],
        (y * canvas.width + x) * 4,
      );
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
};

/** The parts, in the order of their cards. `assets/index.js` and `index.html` have none: without them there is no page to show it. */
export const PARTS: readonly Part[] = [
  { kind: 'Image', path: 'day.png', show: image('day.png', 'Hills by day') },
  { kind: 'Another image', path: 'night.png', show: image('night.png', 'Hills by night') },
  { kind: 'WebAssembly', path: 'mandelbrot.wasm', show: webAssembly },
  { kind: 'Lazy chunk', path: 'assets/lazy.js', show: lazyChunk },
  { kind: 'Web worker', path: 'assets/primes.js', show: webWorker },
  { kind: 'Font', path: 'seven-by-five.woff2', show: font },
  { kind: 'Style sheet', path: 'assets/index.css', show: styleSheet },
  { kind: 'JSON', path: 'release.json', show: data },
  { kind: 'Vector image', path: 'badge.svg', show: image('badge.svg', 'A seal') },
  { kind: 'Headers this page sees', path: 'release.json', show: headers },
];
