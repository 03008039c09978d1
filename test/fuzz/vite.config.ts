import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Compiles the fuzz script, which runs without Vitest, to a place where it finds its packages. */
export default defineConfig({
  publicDir: false,
  build: {
    ssr: true,
    target: 'node20',
    outDir: here('../../node_modules/.cache/fuzz'),
    emptyOutDir: true,
    sourcemap: true,
    rollupOptions: { input: { fuzz: here('fuzz.ts'), child: here('child.ts') } },
  },
});
