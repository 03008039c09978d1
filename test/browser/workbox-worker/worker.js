import { clientsClaim } from 'workbox-core';
import { PrecacheController } from 'workbox-precaching';
import { registerRoute, setDefaultHandler } from 'workbox-routing';
import { CacheFirst, NetworkFirst, StaleWhileRevalidate } from 'workbox-strategies';
import { vouchsafeForWorkbox } from '../../../dist/worker/workbox.js';

// `VOUCHSAFE` and `USES` are put in by the test that bundles this file.
const { handler, plugin } = vouchsafeForWorkbox(VOUCHSAFE);
if (USES === 'strategies') {
  const plugins = [plugin];
  registerRoute(({ request }) => request.mode === 'navigate', new NetworkFirst({ cacheName: 'pages', plugins }));
  registerRoute(({ request }) => request.destination === 'script', new CacheFirst({ cacheName: 'scripts', plugins }));
  registerRoute(({ request }) => request.destination === 'style', new StaleWhileRevalidate({ cacheName: 'styles', plugins }));
  setDefaultHandler(handler);
} else {
  registerRoute(() => true, handler);
}
if (USES === 'precaching') {
  const controller = new PrecacheController({ plugins: [plugin] });
  controller.addToCacheList([{ url: '/data.json', revision: '1' }]);
  const tell = async (error) => {
    for (const client of await clients.matchAll({ includeUncontrolled: true })) client.postMessage(String(error));
    throw error;
  };
  self.addEventListener('install', (event) => event.waitUntil(controller.install(event).catch(tell)));
}
self.skipWaiting();
clientsClaim();
