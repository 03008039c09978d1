import type { IncomingMessage, RequestListener } from 'node:http';

/** A report as the endpoint gets it. */
export interface Report {
  readonly type: string;
  readonly age: number;
  readonly url: string;
  readonly user_agent: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One request to it. */
export interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly reports: readonly Report[];
}

/** An endpoint as operators have one: on another origin, which answers the browser's question beforehand (CORS). */
export function endpoint(): { readonly received: Received[]; readonly api: RequestListener } {
  const received: Received[] = [];
  const api: RequestListener = async (request, response) => {
    const allow = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'content-type' };
    let body = '';
    for await (const part of request) body += part;
    if (request.method === 'POST') received.push({ headers: request.headers, reports: JSON.parse(body) as Report[] });
    response.writeHead(204, allow).end();
  };
  return { received, api };
}
