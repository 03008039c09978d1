import { describe, expect, test, vi } from 'vitest';
import type { Chunks } from '../../src/release/manifest.js';
import { describe as digestOf } from '../../src/tuf/file.js';
import { Refresher } from '../../src/tuf/refresher.js';
import { diagnose, roomFor } from '../../src/worker/diagnosis.js';
import { MemoryStore, RepositorySimulator, utf8 } from '../repository-simulator.js';
import { refusal } from '../tuf/refusal.js';

type Content = string | Uint8Array;
const bytesOf = (content: Content) => (typeof content === 'string' ? utf8(content) : content);

async function diagnosisOf(signed: Content, came: Content, type = 'text/javascript', older: Content = 'older', chunks?: Chunks) {
  const target = { path: 'file', ...(await digestOf(bytesOf(signed))) };
  const { sha256 } = (await digestOf(bytesOf(older))).hashes;
  return diagnose(bytesOf(came), target, type, (hash) => hash === sha256, chunks);
}

const HTML = 'text/html; charset=utf-8';
const REWRITTEN = 'rewritten text, as by a CDN that minifies or injects';
const SCRIPT = 'export function add(a, b) {\n  return a + b;\n}\n';
const PAGE = `<!doctype html>
<html lang="en">
  <head><title>Contact</title></head>
  <body>
    <h1>Contact</h1>
    <p>Write to <a href="mailto:crew@harbour.example">crew@harbour.example</a></p>
  </body>
</html>
`;
/** As Cloudflare's "Email Address Obfuscation" makes it. */
const OBFUSCATED = PAGE.replace(
  /<a href="mailto.*<\/a>/,
  '<a href="/cdn-cgi/l/email-protection#31524354467159504353"><span class="__cf_email__" data-cfemail="80e3f2e5f7c0e8e1f2e2">[email&#160;protected]</span></a>',
).replace(
  '</body>',
  '<script data-cfasync="false" src="/cdn-cgi/scripts/5c5dd728/cloudflare-static/email-decode.min.js"></script></body>',
);
const PNG = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 73, 72, 68, 82, 0, 10, 13, 7]);
/** A captive portal as Android and Apple meet them. */
const PORTAL = `<HTML><HEAD><TITLE>Hotel WiFi</TITLE>
<META http-equiv="refresh" content="0; url=https://wifi.hotel.example/login?orig=http%3A%2F%2Fapp">
</HEAD><BODY></BODY></HTML>`;
const SIGN_IN =
  '<!DOCTYPE html><html><body><form method="post"><input name=u><input type="password" name="p"></form></body></html>';

describe('diagnose', () => {
  test('nothing', async () => {
    expect(await diagnosisOf(SCRIPT, '')).toBe('empty');
  });

  test('the file of an older release, even when it could be something else', async () => {
    expect(await diagnosisOf(SCRIPT, SIGN_IN, 'text/javascript', SIGN_IN)).toBe('older release');
  });

  test('line endings, both ways', async () => {
    const crlf = SCRIPT.replaceAll('\n', '\r\n');
    expect(await diagnosisOf(SCRIPT, crlf)).toBe('line endings differ');
    expect(await diagnosisOf(crlf, SCRIPT)).toBe('line endings differ');
  });

  test('an image that FTP sent in ASCII mode', async () => {
    const ascii = Uint8Array.from([...PNG].flatMap((byte) => (byte === 10 ? [13, 10] : [byte])));
    expect(await diagnosisOf(PNG, ascii, 'image/png')).toBe('line endings differ');
  });

  test('a byte order mark, and the end of the last line', async () => {
    const differs = 'byte order mark or final line break differs';
    const crlf = SCRIPT.trimEnd().replaceAll('\n', '\r\n');
    const forms = (body: string, ends: string[]) => ['', '\uFEFF'].flatMap((mark) => ends.map((end) => mark + body + end));
    for (const all of [forms(SCRIPT.trimEnd(), ['', '\n']), forms(crlf, ['', '\r\n'])]) {
      for (const came of all) {
        for (const signed of all) if (signed !== came) expect(await diagnosisOf(signed, came)).toBe(differs);
      }
    }
    expect(await diagnosisOf(SCRIPT, `${SCRIPT}\n\n`)).toBe(differs);
    expect(await diagnosisOf(SCRIPT, ` ${SCRIPT}`)).toBe(REWRITTEN);
  });

  test('a page to sign in', async () => {
    for (const page of [PORTAL, SIGN_IN, '<html><script>location.href="https://portal.example/"</script></html>']) {
      expect(await diagnosisOf(SCRIPT, page)).toBe('login page');
      expect(await diagnosisOf(PAGE.repeat(9), page, HTML)).toBe('login page');
    }
    // The app's own.
    expect(await diagnosisOf(SIGN_IN, SIGN_IN.replace('<body>', '<body><script src=x></script>'), HTML)).toBe(REWRITTEN);
  });

  test('a page instead of the file', async () => {
    const missing = '<!doctype html><title>404</title><h1>Not found</h1>';
    for (const page of [
      missing,
      `\n  ${missing}`,
      `\uFEFF${missing}`,
      `<!-- nginx -->\n${missing}`,
      '<html><body>Sorry</body></html>',
    ]) {
      expect(await diagnosisOf(SCRIPT, page)).toBe('HTML instead of the file');
      expect(await diagnosisOf(PNG, page, 'image/png')).toBe('HTML instead of the file');
    }
    expect(await diagnosisOf('{"a":1}', '{"html":"<html>"}', 'application/json')).toBe(REWRITTEN);
  });

  test('what a CDN rewrote', async () => {
    expect(await diagnosisOf(PAGE, OBFUSCATED, HTML)).toBe(REWRITTEN);
    expect(await diagnosisOf(PAGE, PAGE.replace(/\n\s*/g, ''), HTML)).toBe(REWRITTEN);
    expect(await diagnosisOf(SCRIPT, 'export function add(a,b){return a+b}')).toBe(REWRITTEN);
    expect(await diagnosisOf('a { color: red; }\n', 'a{color:red}', 'text/css')).toBe(REWRITTEN);
    expect(await diagnosisOf('<svg> </svg>', '<svg></svg>', 'image/svg+xml')).toBe(REWRITTEN);
  });

  test('a part of the file', async () => {
    expect(await diagnosisOf(SCRIPT, SCRIPT.slice(0, 30))).toBe('truncated');
    expect(await diagnosisOf(PNG, PNG.slice(0, 10), 'image/png')).toBe('truncated');
  });

  test('by chunk hashes, exactly', async () => {
    const film = Uint8Array.from({ length: 95 }, (_, i) => i);
    const sha256: string[] = [];
    for (let at = 0; at < 95; at += 10) sha256.push((await digestOf(film.slice(at, at + 10))).hashes.sha256 ?? '');
    const came = (bytes: Uint8Array) => diagnosisOf(film, bytes, 'video/mp4', 'older', { size: 10, sha256 });
    expect(await came(film.slice(0, 37))).toBe('truncated');
    const other = film.slice(0, 37);
    other[15] = 0;
    expect(await came(other)).toBe('unknown bytes');
    // Less than a chunk says nothing.
    expect(await came(film.slice(0, 9))).toBe('unknown bytes');
  });

  test('anything else', async () => {
    expect(
      await diagnosisOf(
        PNG,
        PNG.map((byte) => byte ^ 1),
        'image/png',
      ),
    ).toBe('unknown bytes');
    // Compressed, and not said so.
    expect(await diagnosisOf(SCRIPT, Uint8Array.from([...Array(99).keys()].map((i) => (i * 31) % 256)))).toBe('unknown bytes');
  });

  test('in bounded time, however large', async () => {
    const large = 'x\n'.repeat(2 ** 22);
    expect(await diagnosisOf(large, large.replaceAll('\n', '\r\n'))).toBe(REWRITTEN);
    const target = { path: '', hashes: {}, length: 100 };
    expect(roomFor(target)).toBe(65_736);
    expect(roomFor({ ...target, length: 2 ** 21 })).toBe(2 ** 22);
    expect(roomFor({ ...target, length: 2 ** 24 })).toBe(2 ** 24);
  });

  // Some patterns take the square of what they look at, which is an attacker's to choose. So it is counted, at every use of a pattern.
  test('with patterns that look at a bounded part of it', async () => {
    const look = vi.spyOn(RegExp.prototype, 'exec');
    const parts = [
      '<!--',
      '<!-- -->',
      '<input ',
      '<input type',
      'location',
      'http-equiv=refresh ',
      ' ',
      '\n',
      ';\n',
      '<html',
      '\uFEFF',
    ];
    for (const part of parts) {
      for (const start of ['', '<html>']) {
        for (const type of ['text/javascript', HTML, 'image/png']) {
          look.mockClear();
          await diagnosisOf(SCRIPT, start + part.repeat(2 ** 14 / part.length), type);
          const lengths = look.mock.calls.map(([text]) => text.length);
          expect(Math.max(...lengths), `${start}${part} as ${type}`).toBeLessThanOrEqual(2 ** 13);
          expect(lengths.length, `${start}${part} as ${type}`).toBeLessThanOrEqual(2 ** 12);
        }
      }
    }
    expect(look).toHaveBeenCalled();
    look.mockRestore();
  });
});

test('what came is named in the facts of the refusal', async () => {
  const repository = await RepositorySimulator.create();
  const target = await repository.client().findTarget('app.js');
  if (!target) throw new Error('it is listed');
  repository.files.set(`/targets/${target.hashes.sha256}.app.js`, utf8('one\r\n'));
  const onMismatch = (bytes: Uint8Array) => diagnose(bytes, target, 'text/javascript', () => false);
  const { fetch, root } = repository;
  const url = 'https://repository.test/targets/';
  const refresher = new Refresher({ root, store: new MemoryStore(), fetch, metadataUrl: url, targetsUrl: url });
  await expect(refresher.downloadTarget(target, true, roomFor(target), onMismatch)).rejects.toEqual(
    refusal('mismatch', { path: 'app.js', diagnosis: 'byte order mark or final line break differs' }),
  );
});
