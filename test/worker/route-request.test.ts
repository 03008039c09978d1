import { describe, expect, it } from 'vitest';
import { routeRequest } from '../../src/worker/route-request.js';

const scope = new URL('https://app.example/shop/');
const passthrough = ['/shop/api/', '/live/'];

/** Node's Request cannot be given a destination or the mode of a navigation, so these are only what the router reads. */
function decide(url: string, destination = '', mode = 'no-cors', method = 'GET') {
  return routeRequest({ url: new URL(url, scope).href, destination, mode, method } as Request, scope, passthrough);
}

const ACTIVE =
  'audioworklet document embed frame iframe json manifest object paintworklet script serviceworker sharedworker style text webidentity worker xslt invented-tomorrow';
const DATA = ['', 'audio', 'font', 'image', 'report', 'track', 'video'];

describe('routeRequest', () => {
  it('answers everything in scope from the release', () => {
    for (const destination of [...ACTIVE.split(' '), ...DATA]) {
      expect(decide('/shop/x', destination), destination).toEqual({ from: 'release', purpose: 'subresource' });
    }
    expect(decide('/shop/', 'document', 'navigate')).toEqual({ from: 'release', purpose: 'document' });
    expect(decide('/shop/frame', 'iframe', 'navigate', 'HEAD')).toEqual({ from: 'release', purpose: 'frame' });
  });

  it('C6 lets data through a passthrough prefix, and nothing else', () => {
    for (const origin of ['', 'https://cdn.example']) {
      for (const path of ['/shop/api/x', '/live/x', '/elsewhere']) {
        if (origin === '' && path === '/elsewhere') continue;
        for (const destination of DATA) expect(decide(origin + path, destination), path + destination).toEqual({ from: 'network' });
        for (const destination of ACTIVE.split(' ')) {
          expect(decide(origin + path, destination), path + destination).toMatchObject({
            from: 'nowhere',
            error: { code: 'forbidden' },
          });
        }
        expect(decide(origin + path, '', 'navigate')).toMatchObject({ from: 'nowhere', error: { code: 'forbidden' } });
      }
    }
    expect(decide('/shop/api/x', '', 'cors', 'POST')).toEqual({ from: 'network' });
  });

  it('C6 treats the same origin outside the scope like any other', () => {
    expect(decide('/other/x.js', 'script')).toMatchObject({ from: 'nowhere', error: { code: 'forbidden' } });
    expect(decide('/shopping/x.js', 'script')).toMatchObject({ from: 'nowhere', error: { code: 'forbidden' } });
    expect(decide('/other/x.png', 'image')).toEqual({ from: 'network' });
  });

  it('C4 C6 is not led out of the release by dots in a passthrough path', () => {
    expect(decide('/shop/api/../app.js')).toEqual({ from: 'release', purpose: 'subresource' });
    expect(decide('/shop/api/%2e%2e/app.js')).toEqual({ from: 'release', purpose: 'subresource' });
    expect(decide('https://app.example:444/shop/api/x', 'script')).toMatchObject({ from: 'nowhere' });
  });

  it('C5 refuses methods that no file answers', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      expect(decide('/shop/app.js', '', 'cors', method), method).toMatchObject({ from: 'nowhere', error: { code: 'forbidden' } });
    }
  });
});
