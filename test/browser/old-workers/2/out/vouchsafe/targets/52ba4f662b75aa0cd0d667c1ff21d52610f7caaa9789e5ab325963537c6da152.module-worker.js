import { dependency } from './dependency.js';

self.postMessage(`module ${dependency}`);
