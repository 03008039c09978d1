import { clientsClaim } from 'workbox-core';
import { registerRoute, setDefaultHandler } from 'workbox-routing';
import { CacheFirst, NetworkFirst, StaleWhileRevalidate } from 'workbox-strategies';
import { vouchsafeForWorkbox } from '../../../dist/worker/workbox.js';

// `VOUCHSAFE` and `STRATEGIES` are put in by the test that bundles this file.
const { handler, plugin } = vouchsafeForWorkbox(VOUCHSAFE);
if (STRATEGIES) {
  const plugins = [plugin];
  registerRoute(({ request }) => request.mode === 'navigate', new NetworkFirst({ cacheName: 'pages', plugins }));
  registerRoute(({ request }) => request.destination === 'script', new CacheFirst({ cacheName: 'scripts', plugins }));
  registerRoute(({ request }) => request.destination === 'style', new StaleWhileRevalidate({ cacheName: 'styles', plugins }));
  setDefaultHandler(handler);
} else {
  registerRoute(() => true, handler);
}
self.skipWaiting();
clientsClaim();
