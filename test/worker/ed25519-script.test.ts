import { beforeEach, describe, expect, it, vi } from 'vitest';
import { verifyEd25519 } from '../../src/tuf/ed25519.js';
import * as noble from '../../src/tuf/ed25519-noble.js';
import { publicKeyOf, signEd25519 } from '../../src/tuf/ed25519-sign.js';
import { installEd25519, verifyWithNoble } from '../../src/worker/ed25519-script.js';
import { utf8 } from '../repository-simulator.js';

// What a service worker may import when, and that the two bundles fit, is tested in browsers (test/browser/ed25519-script.spec.ts).
const seed = new Uint8Array(32).fill(5);
const message = utf8('signed');
const signed = async () => [await publicKeyOf(seed), await signEd25519(seed, message), message] as const;

const WEBKIT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15';

/** What the server has under the script's name, as a function that runs it. */
let script: () => void;
const importScripts = vi.fn((_url: string) => script());

beforeEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.stubGlobal('self', globalThis);
  vi.stubGlobal('importScripts', importScripts.mockClear());
  vi.stubGlobal('vouchsafeEd25519', undefined);
  script = () => vi.stubGlobal('vouchsafeEd25519', noble);
});

function withoutEd25519(): void {
  vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(new DOMException('Algorithm: Unrecognized name', 'NotSupportedError'));
}

describe('installEd25519', () => {
  it('never imports the script where the engine has Ed25519', async () => {
    await installEd25519();
    expect(await verifyEd25519(...(await signed()))).toBe(true);
    expect(importScripts).not.toHaveBeenCalled();
  });

  it('imports the script where the engine has none, by a name relative to the worker’s own', async () => {
    withoutEd25519();
    await installEd25519();
    expect(importScripts.mock.calls).toEqual([['vouchsafe-ed25519.js']]);
  });

  it('also where Ed25519 fails for any other reason', async () => {
    vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(new DOMException('not by policy', 'OperationError'));
    await installEd25519();
    expect(importScripts).toHaveBeenCalledTimes(1);
  });

  it('imports the script in WebKit, which crashes on long messages', async () => {
    vi.stubGlobal('navigator', { userAgent: WEBKIT });
    await installEd25519();
    expect(importScripts).toHaveBeenCalledTimes(1);
  });

  it('fails when the script does not come', async () => {
    withoutEd25519();
    script = () => {
      throw new DOMException('404', 'NetworkError');
    };
    await expect(installEd25519()).rejects.toThrow('404');
  });

  it('fails when it is another script', async () => {
    withoutEd25519();
    script = () => {};
    await expect(installEd25519()).rejects.toThrow('vouchsafe-ed25519.js');
  });
});

describe('verifyWithNoble', () => {
  it('imports the script when a later life of the worker first needs it, and has its verdicts', async () => {
    const [publicKey, signature] = await signed();
    expect(await verifyWithNoble(publicKey, signature, message)).toBe(true);
    expect(await verifyWithNoble(publicKey, signature, utf8('another'))).toBe(false);
    expect(importScripts).toHaveBeenCalledTimes(1);
  });

  it('has no verdict without the script, and asks again the next time', async () => {
    const signature = await signed();
    script = () => {
      throw new DOMException('not imported at install', 'NetworkError');
    };
    await expect(verifyWithNoble(...signature)).rejects.toThrow('not imported at install');
    script = () => {};
    await expect(verifyWithNoble(...signature)).rejects.toThrow('vouchsafe-ed25519.js');
    expect(importScripts).toHaveBeenCalledTimes(2);
  });
});
