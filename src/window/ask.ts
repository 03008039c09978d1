import type { Replies, Reply, Request } from '../messages/messages.js';
import { RefusedError } from './errors.js';

/**
 * Sends one request to the worker and waits for its reply.
 *
 * @param worker an active service worker of ours
 * @param name which request
 * @returns the reply's value
 * @throws RefusedError with the worker's code
 */
export function ask<Name extends keyof Replies>(worker: ServiceWorker, name: Name): Promise<Replies[Name]> {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<Reply<Name>>) => {
      port1.close();
      if (data.ok) resolve(data.value);
      else reject(new RefusedError(data.refusal));
    };
    const request: Request = { vouchsafe: name };
    worker.postMessage(request, [port2]);
  });
}
