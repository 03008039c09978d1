import { describe, expect, it } from 'vitest';
import { VouchsafeError } from '../../src/tuf/errors.js';
import { routeRequest } from '../../src/worker/route-request.js';

const scope = new URL('https://app.example/shop/');
const passthrough = ['/shop/api/', '/live/'];

/** Node's Request cannot be given a destination or the mode of a navigation, so these are only what the router reads. */
function decide(url: string, destination = '', mode = 'no-cors', method = 'GET') {
  const asked = new URL(url, scope);
  const wanted = routeRequest({ url: asked.href, destination, mode, method } as Request, asked, scope, passthrough);
  return wanted instanceof VouchsafeError ? wanted.code : wanted;
}

const ACTIVE =
  'audioworklet document embed frame iframe json manifest object paintworklet script serviceworker sharedworker style text webidentity worker xslt invented-tomorrow';
const DATA = ['', 'audio', 'font', 'image', 'report', 'track', 'video'];

describe('routeRequest', () => {
  it('answers everything in scope from the release', () => {
    for (const destination of [...ACTIVE.split(' '), ...DATA]) {
      expect(decide('/shop/x', destination), destination).toBe('subresource');
    }
    expect(decide('/shop/', 'document', 'navigate')).toBe('document');
    expect(decide('/shop/frame', 'iframe', 'navigate', 'HEAD')).toBe('frame');
  });

  it('C6 lets data through a passthrough prefix, and nothing else', () => {
    for (const origin of ['', 'https://cdn.example']) {
      for (const path of ['/shop/api/x', '/live/x', '/elsewhere']) {
        if (origin === '' && path === '/elsewhere') continue;
        for (const destination of DATA) expect(decide(origin + path, destination), path + destination).toBe('network');
        for (const destination of ACTIVE.split(' ')) {
          // Of another origin only what the signed manifest lists; the answerer knows it.
          expect(decide(origin + path, destination), path + destination).toBe(origin === '' ? 'forbidden' : 'external');
          expect(decide(origin + path, destination, 'no-cors', 'POST'), path + destination).toBe('forbidden');
        }
        expect(decide(origin + path, '', 'navigate')).toBe('forbidden');
      }
    }
    expect(decide('/shop/api/x', '', 'cors', 'POST')).toBe('network');
  });

  it('C6 treats the same origin outside the scope like any other', () => {
    expect(decide('/other/x.js', 'script')).toBe('forbidden');
    expect(decide('/shopping/x.js', 'script')).toBe('forbidden');
    expect(decide('/other/x.png', 'image')).toBe('network');
  });

  it('C4 C6 is not led out of the release by dots in a passthrough path', () => {
    expect(decide('/shop/api/../app.js')).toBe('subresource');
    expect(decide('/shop/api/%2e%2e/app.js')).toBe('subresource');
    expect(decide('https://app.example:444/shop/api/x', 'script')).toBe('external');
  });

  it('C5 refuses methods that no file answers', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      expect(decide('/shop/app.js', '', 'cors', method), method).toBe('forbidden');
    }
  });
});
