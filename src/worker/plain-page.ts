const STYLE =
  ':root{color-scheme:light dark;background:Canvas;font:1rem/1.5 system-ui,sans-serif}body{max-width:40rem;margin:3rem auto;padding:0 1rem}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere;font-family:monospace}';

/**
 * A page of the worker's own. It runs no script and loads nothing.
 *
 * @param status HTTP status
 * @param title text, also the headline
 * @param body HTML
 * @param policy what else its Content-Security-Policy says
 */
export function plainPage(status: number, title: string, body: string, policy = ''): Response {
  const html = `<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>${title}</title><style>${STYLE}</style><main><h1>${title}</h1>${body}`;
  return new Response(html, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'${policy}`,
      'cache-control': 'no-store',
    },
  });
}

/** Any text as HTML, also within quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
