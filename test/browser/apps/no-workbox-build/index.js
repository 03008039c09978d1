/**
 * Stands in for the package `workbox-build` (`overrides` in package.json), which plans and injects precaching with some three hundred packages.
 * `vite-plugin-pwa` loads it when it builds any worker, and asks nothing of it for one without an injection point.
 */
export {};
