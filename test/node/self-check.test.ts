import { cp, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { expiry } from '../../src/node/expiry.js';
import { readPreviousRelease } from '../../src/node/previous-release.js';
import { loadSigners, openProject, projectFolders } from '../../src/node/project.js';
import { type Candidate, selfCheck } from '../../src/node/self-check.js';
import { FIRST_PACK, isIndexedByName } from '../../src/release/packs.js';
import { nextRelease } from '../../src/repository/release.js';
import { describe as describeBytes, type TargetFile } from '../../src/tuf/file.js';
import { targetLocation } from '../../src/tuf/layout.js';
import { Workspace } from './workspace.js';

/** Two releases: `out` holds the second, `old` the first. */
const twoReleases = async (): Promise<Workspace> => {
  const workspace = await Workspace.make();
  await workspace.published();
  await cp(workspace.path('out'), workspace.path('old'), { recursive: true });
  await workspace.write('app', { 'app.js': 'new' });
  await workspace.publish();
  return workspace;
};

const releaseIn = async (workspace: Workspace, folder: string) => {
  const project = await openProject(projectFolders(workspace.path('project')), workspace.now);
  const release = await readPreviousRelease(workspace.path(folder, 'vouchsafe/metadata'), project, workspace.now);
  if (!release) throw new Error('nothing published');
  return release;
};

const candidateIn = async (workspace: Workspace, folder: string): Promise<Candidate> => {
  const release = await releaseIn(workspace, folder);
  const targets: TargetFile[] = [...release.targets.files.values()];
  const root = await readFile(workspace.path('project/root/1.root.json'));
  return { repository: workspace.path(folder, 'vouchsafe'), pending: new Map(), root, targets, changed: targets };
};

const check = (workspace: Workspace, candidate: Candidate, previous?: Awaited<ReturnType<typeof releaseIn>>): Promise<void> =>
  selfCheck(
    candidate,
    previous,
    () => workspace.now,
    () => {},
  );

describe('selfCheck', () => {
  test('passes a release that follows', async () => {
    const workspace = await twoReleases();
    await check(workspace, await candidateIn(workspace, 'out'), await releaseIn(workspace, 'old'));
  });

  test('a fresh client accepts the older release, one at the newer does not: refused', async () => {
    const workspace = await twoReleases();
    const older = await candidateIn(workspace, 'old');
    await check(workspace, older);
    await expect(check(workspace, older, await releaseIn(workspace, 'out'))).rejects.toMatchObject({
      code: 'self-check',
      message: expect.stringContaining('(rollback: role timestamp'),
    });
  });

  test.each([
    ['one file fewer', (targets: TargetFile[]) => targets.slice(1)],
    ['another path', (targets: TargetFile[]) => targets.map((target, i) => (i === 0 ? { ...target, path: 'other.js' } : target))],
    ['another length', (targets: TargetFile[]) => targets.map((target, i) => (i === 0 ? { ...target, length: 1 } : target))],
    [
      'another hash',
      (targets: TargetFile[]) => targets.map((target, i) => (i === 0 ? { ...target, hashes: { sha256: '00' } } : target)),
    ],
  ])('what a client sees must be what was meant: %s', async (_, change) => {
    const workspace = await twoReleases();
    const candidate = await candidateIn(workspace, 'out');
    await expect(check(workspace, { ...candidate, targets: change([...candidate.targets]) })).rejects.toMatchObject({
      code: 'self-check',
    });
  });

  test('a pack must hold what a worker looks for in it', async () => {
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.js`, `run(${i})`]));
    const workspace = await Workspace.make({ 'index.html': '<h1>App</h1>', ...files });
    await workspace.published();
    const { repository, ...right } = await candidateIn(workspace, 'out');
    await check(workspace, { repository, ...right });
    const bytes = (await workspace.target(FIRST_PACK)).slice().reverse();
    const pack = { path: FIRST_PACK, ...(await describeBytes(bytes)) };
    const targets = right.targets.map((target) => (target.path === FIRST_PACK ? pack : target));
    const previous = await releaseIn(workspace, 'out');
    const signers = await loadSigners(await openProject(projectFolders(workspace.path('project')), workspace.now));
    const lives = expiry(undefined);
    const { changed } = await nextRelease(previous, targets, signers, lives, workspace.now, undefined, isIndexedByName);
    for (const { name, bytes } of changed) await workspace.write('out/vouchsafe/metadata', { [name]: bytes });
    await workspace.write('out/vouchsafe/targets', { [targetLocation(pack, true)]: bytes });
    await expect(check(workspace, { repository, ...right, targets, changed: [pack] })).rejects.toMatchObject({
      code: 'self-check',
      message: expect.stringContaining(FIRST_PACK),
    });
  });

  test('an index must be the one that a worker makes: a worker goes without, and says nothing', async () => {
    const workspace = await twoReleases();
    const candidate = await candidateIn(workspace, 'out');
    const previous = await releaseIn(workspace, 'out');
    const signers = await loadSigners(await openProject(projectFolders(workspace.path('project')), workspace.now));
    const all = () => true;
    const { changed } = await nextRelease(previous, candidate.targets, signers, expiry(undefined), workspace.now, undefined, all);
    for (const { name, bytes } of changed) await workspace.write('out/vouchsafe/metadata', { [name]: bytes });
    await expect(check(workspace, candidate)).rejects.toMatchObject({
      code: 'self-check',
      message: expect.stringContaining('unsigned'),
    });
  });
});
