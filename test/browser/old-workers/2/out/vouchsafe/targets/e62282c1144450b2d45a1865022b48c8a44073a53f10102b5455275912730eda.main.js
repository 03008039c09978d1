import { dependency } from './dependency.js';

const { proof } = window;
proof.module = 'ran';
proof.dependency = dependency;

/** @returns {Promise<void>} settles when the image is decoded; rejects when it cannot be */
const image = async (id) => {
  const element = document.getElementById(id);
  await element.decode();
  proof[id] = `${element.naturalWidth}x${element.naturalHeight}`;
};

const font = async () => {
  await document.fonts.load('20px Wide', 'V');
  proof.font = `${Math.round(document.getElementById('font').getBoundingClientRect().width)}px`;
};

const style = () => {
  proof.style = getComputedStyle(document.documentElement).getPropertyValue('--style-proof').trim();
};

const data = async () => {
  proof.data = (await (await fetch('data.json')).json()).says;
};

const lazy = async () => {
  proof.lazy = (await import('./lazy/lazy.js')).lazy;
};

const wasm = async () => {
  const { instance } = await WebAssembly.instantiateStreaming(fetch('assets/answer.wasm'));
  proof.wasm = instance.exports.answer();
};

const worker = async (name, options) => {
  proof[name] = await new Promise((resolve, reject) => {
    const running = new Worker(`${name}.js`, options);
    running.addEventListener('message', (event) => resolve(event.data));
    running.addEventListener('error', () => reject(new Error(`${name} failed`)));
  });
};

const manifest = async () => {
  proof.manifest = (await (await fetch(document.querySelector('link[rel=manifest]').href)).json()).name;
};

const frame = async () => {
  const element = document.getElementById('frame');
  const read = () => element.contentWindow.frameProof;
  // Until its page comes a frame shows an empty document, which is complete from the start.
  if (
    read() === undefined &&
    (element.contentDocument.URL === 'about:blank' || element.contentDocument.readyState !== 'complete')
  ) {
    await new Promise((resolve) => element.addEventListener('load', resolve));
  }
  if (read() === undefined) throw new Error('the frame did not run');
  proof.frame = read();
};

const parts = {
  png: () => image('png'),
  svg: () => image('svg'),
  font,
  style,
  data,
  lazy,
  wasm,
  worker: () => worker('worker'),
  moduleWorker: () => worker('module-worker', { type: 'module' }),
  manifest,
  frame,
};

const failed = [];
await Promise.all(
  Object.entries(parts).map(async ([name, part]) => {
    try {
      await part();
    } catch {
      failed.push(name);
    }
  }),
);
window.failed = failed.sort();
document.documentElement.dataset.done = 'yes';
