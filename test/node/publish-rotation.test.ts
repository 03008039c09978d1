import { mkdir, readFile, rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/node/repository-directory.js';
import { rotate, Workspace } from './workspace.js';

test.each(['the self-check', 'vouchsafe-loader.js'])(
  'a publish with a new root that fails before the end (%s) leaves the previous release',
  async (step) => {
    const workspace = await Workspace.make();
    await workspace.published();
    const store = new MemoryStore();
    await workspace.refresh(store);
    await rotate(workspace);
    if (step === 'vouchsafe-loader.js') {
      await rm(workspace.path('out', step));
      await mkdir(workspace.path('out', step, 'in-the-way'), { recursive: true });
      await expect(workspace.publish()).rejects.toMatchObject({ code: 'bad-output' });
      await rm(workspace.path('out', step), { recursive: true });
    } else await expect(workspace.publish({ expires: { timestamp: 0.5 } })).rejects.toMatchObject({ code: 'self-check' });
    await expect(workspace.refresh(new MemoryStore())).resolves.toMatchObject({ root: { version: 1 }, timestamp: { version: 1 } });
    await workspace.publish();
    await expect(workspace.refresh(store)).resolves.toMatchObject({ root: { version: 2 }, timestamp: { version: 2 } });
  },
);

test('an output folder whose root is newer than what signed its release is signed anew', async () => {
  const workspace = await Workspace.make();
  await workspace.published();
  const store = new MemoryStore();
  await workspace.refresh(store);
  await rotate(workspace);
  await workspace.write('out/vouchsafe/metadata', { '2.root.json': await readFile(workspace.path('project/root/2.root.json')) });
  await expect(workspace.refresh(store)).rejects.toMatchObject({ code: 'unsigned' });
  await workspace.publish();
  for (const known of [store, new MemoryStore()])
    await expect(workspace.refresh(known)).resolves.toMatchObject({ root: { version: 2 }, timestamp: { version: 2 } });
});
