import { join, relative, resolve } from 'node:path';
import { buildConsole } from './build-demo.js';
import { ConsoleServer } from './console-server.js';
import { DemoSite } from './demo-site.js';
import { HostileServer } from './hostile-server.js';

const APP_PORT = 4173;
const CONSOLE_PORT = 4174;

const say = (line: string): void => console.log(line);

const isInUse = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EADDRINUSE';

/** Starts something on a port, or says that the port is taken and uses a free one. */
const onPort = async <Started>(port: number, start: (port: number) => Promise<Started>): Promise<Started> => {
  try {
    return await start(port);
  } catch (error) {
    if (!isInUse(error)) throw error;
    say(`Port ${port} is in use; taking a free one instead.`);
    return start(0);
  }
};

const portOf = (name: string, otherwise: number): number => {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`${name} is "${text}", which is not a port.`);
  return port;
};

const main = async (): Promise<void> => {
  // Absolute: Vite takes a relative path from the app's own folder.
  const folder = resolve(process.env.DEMO_FOLDER ?? '.demo');
  const site = await DemoSite.open(folder, say);
  const pages = join(folder, 'console');
  await buildConsole(pages);
  const app = await onPort(portOf('DEMO_PORT', APP_PORT), (port) => HostileServer.start(site.out, { port }));
  const panel = await onPort(portOf('DEMO_CONSOLE_PORT', CONSOLE_PORT), async (port) => {
    const server = new ConsoleServer(app, site, pages);
    await server.listen(port).catch(async (error: unknown) => {
      await server.close();
      throw error;
    });
    return server;
  });

  const stop = (): void => {
    // A second Ctrl-C ends it at once.
    process.off('SIGINT', stop).off('SIGTERM', stop);
    Promise.all([app.close(), panel.close()]).then(
      () => say('Stopped.'),
      (error: unknown) => {
        console.error(error);
        process.exitCode = 1;
      },
    );
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);

  say(`
  The app:                  ${app.url}
  The attacker's console:   ${panel.url}   <- start here

The console shows the app in a frame, beside switches that make its server hostile. Throw one and watch what the app
refuses, and why: flip a byte of a file, replay the old release, replay an expired timestamp, swap two files, change the
headers, answer with errors, cut files short, go offline. "Honest again" ends it, and the app recovers by itself.
Keys and releases are in ${relative('.', folder)}/ (delete it to start over). Ctrl-C stops the demo.
`);
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? `The demo could not start: ${error.message}` : error);
  process.exitCode = 1;
});
