import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web server on a port of its own. */
export interface FileServer {
  /** Its origin, with a trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves files over HTTP on this machine.
 *
 * @param read gives the bytes for a URL path, percent-encoded as it came, or undefined for a 404
 */
export async function serveFiles(read: (path: string) => Uint8Array | undefined): Promise<FileServer> {
  const server = createServer((request, response) => {
    const bytes = read(new URL(request.url ?? '/', 'http://localhost').pathname);
    response.writeHead(bytes ? 200 : 404, { 'Content-Length': bytes?.length ?? 0 }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}
