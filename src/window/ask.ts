import type { Replies, Reply, Request } from '../messages/messages.js';
import { RefusedError } from './errors.js';

/**
 * A worker may be stopped in the middle of its work (browsers allow an event some minutes), and then nothing says so. Asking again at this
 * interval, in milliseconds, starts it once more, and keeps one that is at work alive. Every request may be repeated: an update goes on
 * from the files that are stored.
 */
const ASK_AGAIN_AFTER = 2_000;

/**
 * Sends a request to the worker and waits for its reply, for as long as that takes.
 *
 * @param registration of our worker. The active worker is looked up each time: one that was replaced no longer answers
 * @param request what to ask
 * @returns the reply's value
 * @throws RefusedError with the worker's code, `unsupported` when there is no worker any more
 */
export function ask<Name extends keyof Replies>(
  registration: Pick<ServiceWorkerRegistration, 'active'>,
  request: Extract<Request, { vouchsafe: Name }>,
): Promise<Replies[Name]> {
  return askUntil(() => registration.active, request);
}

/**
 * The same, of this worker and no other: for what its successor must not answer.
 *
 * @param worker who is asked
 * @param request what to ask
 * @param signal ends the asking
 * @returns the reply's value
 * @throws RefusedError with the worker's code; the signal's reason
 */
export function askWorker<Name extends keyof Replies>(
  worker: ServiceWorker,
  request: Extract<Request, { vouchsafe: Name }>,
  signal: AbortSignal,
): Promise<Replies[Name]> {
  return askUntil(() => worker, request, signal);
}

function askUntil<Name extends keyof Replies>(
  worker: () => ServiceWorker | null,
  request: Extract<Request, { vouchsafe: Name }>,
  signal?: AbortSignal,
): Promise<Replies[Name]> {
  return new Promise((resolve, reject) => {
    const send = () => {
      const asked = worker();
      if (!asked) {
        clearInterval(timer);
        const message = 'The worker is gone.';
        return reject(new RefusedError({ code: 'unsupported', message, facts: {} }));
      }
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }: MessageEvent<Reply<Name>>) => {
        clearInterval(timer);
        port1.close();
        if (data.ok) resolve(data.value);
        else reject(new RefusedError(data.refusal));
      };
      asked.postMessage(request, [port2]);
    };
    const timer = setInterval(send, ASK_AGAIN_AFTER);
    signal?.addEventListener('abort', () => {
      clearInterval(timer);
      reject(signal.reason);
    });
    send();
  });
}
