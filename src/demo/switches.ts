import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SwitchText } from './console/protocol.js';
import type { DemoSite } from './demo-site.js';
import type { HostileServer } from './hostile-server.js';
import { targetFile } from './target-file.js';

/** A switch: its text, and what it does to the server. */
export interface Switch extends SwitchText {
  throwIt(server: HostileServer, site: DemoSite, file: string): void | Promise<void>;
}

const TARGETS = '/vouchsafe/targets/';
const METADATA = /^\/vouchsafe\/metadata\//;
const TIMESTAMP = /^\/vouchsafe\/metadata\/timestamp\.json$/;

/** The URL path of a target that does not change from release to release, so that the repository has only one of it. */
const urlOf = async (site: DemoSite, path: string): Promise<string> => {
  const folder = join(dirname(path), '/');
  const files = await readdir(join(site.out, TARGETS, folder));
  const found = files.find((name) => targetFile(path).test(`${TARGETS}${folder === './' ? '' : folder}${name}`));
  if (found === undefined) throw new Error(`The published demo has no ${path}.`);
  return `${TARGETS}${folder === './' ? '' : folder}${found}`;
};

/** The attacks, in the order of the console. The last one thrown is the only one that is on. */
export const SWITCHES: readonly Switch[] = [
  {
    id: 'flip',
    title: 'Flip a byte',
    does: 'One bit in the middle of one file is changed. The app then forgets its stored files and asks for all of them again.',
    shows:
      'That file is refused and everything else works. The violation (mismatch) names the file, the hash that was signed and the hash that came. Without its main script the app does not start; without its page, the worker shows one that says why.',
    order: 'wipe',
    files: [
      'assets/lazy.js',
      'day.png',
      'badge.svg',
      'mandelbrot.wasm',
      'assets/primes.js',
      'seven-by-five.woff2',
      'assets/index.css',
      'release.json',
      'assets/index.js',
      'index.html',
    ],
    throwIt: (server, _site, file) => void server.lie({ match: targetFile(file), flip: 'middle' }),
  },
  {
    id: 'old-release',
    title: 'Replay the old release',
    does: 'The server pretends that the newest release was never made and answers with the one before, correctly signed. The app looks for an update.',
    shows:
      'The update is refused (rollback): the worker has seen a higher version and remembers it, also after the browser restarts. The app keeps running.',
    order: 'update',
    throwIt: (server, site) => void server.lie({ match: METADATA, from: site.previous }),
  },
  {
    id: 'old-file',
    title: 'Serve old files as new',
    does: 'The lazy chunk and the JSON come from the release before: real files, once signed, at the wrong time. The app asks for its files again.',
    shows:
      'Both are refused (mismatch): what was signed once is not what is signed for this release. A browser that has run the release before says so: publish the next one and try again.',
    order: 'wipe',
    throwIt: (server, site) => {
      const lazy = targetFile('assets/lazy.js');
      const data = targetFile('release.json');
      server.lie({ match: (path) => lazy.test(path) || data.test(path), from: site.previous });
    },
  },
  {
    id: 'expired',
    title: 'Replay an expired timestamp',
    does: 'The server answers with a timestamp that the real keys signed and that ran out nine days ago. The app looks for an update.',
    shows:
      'The update is refused (expired): a good signature is not enough, it has to be recent. The app keeps running on what it has.',
    order: 'update',
    throwIt: (server, site) => void server.lie({ match: TIMESTAMP, from: site.expired }),
  },
  {
    id: 'swap',
    title: 'Swap two files',
    does: 'Each of the two pictures comes with the bytes of the other: both signed, both in the wrong place. The app asks for its files again.',
    shows:
      'Both pictures are refused: neither has the hash that is signed for its name. What is signed is which bytes belong under which name.',
    order: 'wipe',
    async throwIt(server, site) {
      const [day, night] = await Promise.all([urlOf(site, 'day.png'), urlOf(site, 'night.png')]);
      server.lie({ match: (path) => path === day, swapWith: night });
      server.lie({ match: (path) => path === night, swapWith: day });
    },
  },
  {
    id: 'headers',
    title: 'Change the headers',
    does: 'Every file arrives with its right bytes and the attacker’s headers: another Content-Type, no security policy, a cookie, a Link. The app asks for its files again.',
    shows:
      'Nothing changes, and that is the point. The card “Headers this page sees” lists signed headers only; the server’s never reach the page.',
    order: 'wipe',
    throwIt: (server) =>
      void server.lie({
        match: /^\/vouchsafe\//,
        headers: {
          'content-type': 'text/html',
          'content-security-policy': "default-src * 'unsafe-inline' 'unsafe-eval'",
          'set-cookie': 'stolen=yes',
          link: '</attack.css>; rel=stylesheet',
          refresh: '0; url=/attack',
        },
      }),
  },
  {
    id: 'error',
    title: 'Answer with error 500',
    does: 'The repository answers everything with an error page. The app looks for an update.',
    shows:
      'The update fails (unreachable, status 500), and an error is not taken for an answer. The app keeps running on what it has.',
    order: 'update',
    throwIt: (server) => void server.lie({ match: /^\/vouchsafe\//, status: 500 }),
  },
  {
    id: 'truncate',
    title: 'Cut files short',
    does: 'The pictures and the WebAssembly break off after 100 bytes. The app asks for its files again.',
    shows: 'They are refused (unreachable): a file that breaks off is never shown in part.',
    order: 'wipe',
    throwIt: (server) => void server.lie({ match: /\.(?:png|wasm)$/, truncate: 100 }),
  },
  {
    id: 'portal',
    title: 'Answer with a login page',
    does: 'As a hotel’s Wi-Fi does: status 200 and a login page, whatever was asked for. The app looks for an update.',
    shows: 'The update is refused (malformed): a login page is not signed metadata. The app keeps running.',
    order: 'update',
    throwIt: (server) => void server.lie({ match: METADATA, body: '<h1>Welcome! Log in to our Wi-Fi.</h1>', type: 'text/html' }),
  },
  {
    id: 'offline',
    title: 'Go offline',
    does: 'The server closes its port. The app is reloaded.',
    shows:
      'It opens from the stored files, each hashed again as it is read. Now wipe the stored files in the app: then there is nothing to open, and it says so.',
    order: 'reload',
    throwIt: (server) => server.goOffline(),
  },
];
