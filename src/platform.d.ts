/**
 * What the pure folders (tuf, repository, release) take from the platform they run on: the part of the web's API that a page, a
 * service worker and Node share. They are compiled without the DOM's and Node's types, so anything not listed here is a build error.
 */

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array): string;
}

declare class URL {
  constructor(url: string, base?: string);
  readonly href: string;
  readonly origin: string;
  readonly pathname: string;
}

interface AbortSignal {
  readonly aborted: boolean;
}

declare class AbortController {
  readonly signal: AbortSignal;
  abort(): void;
}

declare function setTimeout(callback: () => void, milliseconds: number): unknown;
declare function clearTimeout(timer: unknown): void;

declare class MessageChannel {
  readonly port1: { postMessage(message: unknown, transfer: readonly ArrayBufferLike[]): void };
  readonly port2: { close(): void };
}

/** Node has had one since version 21. */
declare const navigator: { readonly userAgent: string } | undefined;

declare function atob(base64: string): string;

declare const crypto: {
  readonly subtle: {
    digest(algorithm: string, data: Uint8Array): Promise<ArrayBuffer>;
    importKey(
      format: 'raw' | 'spki',
      keyData: Uint8Array,
      algorithm: string | object,
      extractable: boolean,
      keyUsages: readonly string[],
    ): Promise<unknown>;
    verify(algorithm: string | object, key: unknown, signature: Uint8Array, data: Uint8Array): Promise<boolean>;
  };
};
