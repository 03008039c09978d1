import type { Pin } from '../store/store.js';

/** Clients that are gone, as far as the browser tells, and whose pins are still known: a page may come back from the back/forward cache. */
const REMEMBERED = 100;
/**
 * Milliseconds for which a page counts as open although the browser has not listed it yet: it is still on its way. A page is listed when its
 * answer has come, and one whose file is not stored is answered when that is downloaded: this is 60 KB at the slowest pace that a download may
 * have. What a longer time costs: the release of a navigation that came to nothing stays on the disk that much longer.
 */
const ON_ITS_WAY = 120_000;
/** The same of one that was listed before: closed, or for a moment between two processes of the browser. */
const LISTED_BEFORE = 10_000;

/**
 * How long (milliseconds) the browser's list of clients is waited for. Firefox asks each client itself, and a web worker that waits for a script of
 * its own cannot answer: it would wait for us, and we for it.
 */
const LISTED_WITHIN = 3_000;

/** What is used of one of the worker's clients. */
export interface OpenClient {
  readonly id: string;
  readonly url: string;
  readonly type: string;
}

/** What is used of the worker's `clients`. */
export interface OpenClients {
  matchAll(options: { readonly type: 'all'; readonly includeUncontrolled: true }): Promise<readonly OpenClient[]>;
}

/** What is used of a fetch event to tell which client asks. */
export interface Asking {
  readonly clientId: string;
  readonly request: { readonly referrer: string };
}

/** What is used of a fetch event to tell which client comes of it. */
export interface Opening {
  readonly resultingClientId: string;
  readonly request: { readonly mode: string; readonly url: string };
}

/** Saves a pin. */
export type SavePin = (client: string, release: string, time: number) => Promise<void>;

/**
 * Which page or worker stays on which release. A client is pinned when its document, or its script, is answered; from then on every
 * request of its own gets files of that release. Both engines that this was measured in name the new client at that moment.
 */
export class Pins {
  readonly #clients: OpenClients;
  readonly #save: SavePin;
  readonly #pins = new Map<string, Pin>();
  /** The pinned clients that the browser has listed, or should have by now. */
  readonly #listed = new Set<string>();

  constructor(clients: OpenClients, save: SavePin) {
    this.#clients = clients;
    this.#save = save;
  }

  /** Takes over what an earlier life of the worker stored. */
  load(pins: ReadonlyMap<string, Pin>): void {
    for (const [client, pin] of pins) {
      if (this.#pins.has(client)) continue;
      this.#pins.set(client, pin);
      // An answer that was on its way has come, or ended with that life.
      this.#listed.add(client);
    }
  }

  /** Whether there is a pin of this name at this moment: a page may open while what nobody stays on is being forgotten. */
  readonly has = (name: string): boolean => this.#pins.has(name);

  /** The release that a client stays on, if it has one. */
  of(client: string): string | undefined {
    return this.#pins.get(client)?.release;
  }

  /**
   * The releases that a request may be of, the likeliest first.
   *
   * @param event a request
   * @param active what to assume where nobody stays on anything else
   */
  async ofRequest({ clientId, request }: Asking, active: string): Promise<readonly string[]> {
    const pinned = this.of(clientId);
    if (pinned) return [pinned];
    const pins = [...this.#pins.values()];
    if (pins.every(({ release }) => release === active)) return [active];
    // No client is named for a frame's document, and in Chromium for what a worker's worker asks for. The page or script that asks is known
    // by its address, which two tabs may share.
    const asking = (await this.#matchAll()) ?? [];
    const { referrer } = request;
    const likely = referrer ? asking.filter(({ url }) => url.split('#', 1)[0] === referrer) : this.#ofOneRelease(asking);
    const named = likely.flatMap(({ id }) => this.#pins.get(id) ?? []);
    const newestFirst = named.sort((a, b) => b.time - a.time).map(({ release }) => release);
    return [...new Set([...newestFirst, this.of(referrer) ?? active])];
  }

  /**
   * Pins the client that a response makes.
   *
   * @param event the request for its document or script
   * @param release the release that answers
   */
  async pin({ resultingClientId, request }: Opening, release: string): Promise<void> {
    // A worker also under its address: in Chromium the requests of a worker's worker have no client.
    const names = request.mode === 'navigate' ? [resultingClientId] : [resultingClientId, request.url];
    const time = Date.now();
    await Promise.all(
      names.map((name) => {
        if (!name || this.of(name) === release) return undefined;
        this.#pins.set(name, { release, time });
        return this.#save(name, release, time);
      }),
    );
  }

  /**
   * Pins a client that asks and is on no release to the one that answers: it must not get the next one's files once that is active. It was there before
   * the worker (`clients.claim`), or inherited it (a frame without a document of its own, a worker without a script of its own), or its pin is lost: the
   * worker was stopped before it was stored, there was no room, a script of the page deleted it. That a pin is not waited for before a document
   * is answered is made good here, unless the next release became active before the page asked for anything. A pin that is known stays, also
   * when its release is gone: such a page is refused.
   *
   * @param client its id; empty where the browser names none
   * @param release the release that is about to answer
   * @returns the release that the client is on: another one, when a request that came at the same time was faster
   */
  adopt(client: string, release: string): string {
    const pinned = this.of(client);
    if (pinned !== undefined || !client) return pinned ?? release;
    const time = Date.now();
    this.#pins.set(client, { release, time });
    void this.#save(client, release, time);
    return release;
  }

  /**
   * Looks who is gone. What they were pinned to is remembered for a while: in both engines a page in the back/forward cache is not listed, and
   * comes back as the same client. It must not get files of another release than its own, even if its own is no longer there.
   *
   * @returns how many clients that the browser lists stay on each release that somebody stays on, perhaps only one on its way
   */
  async open(): Promise<ReadonlyMap<string, number>> {
    // Without a list nobody is gone.
    const listed = new Set((await this.#matchAll())?.map(({ id }) => id) ?? this.#pins.keys());
    const isOpen = (name: string, { time }: Pin): boolean =>
      // Both ways: a script of the page can write any time down, and a clock can go back.
      listed.has(name) || Math.abs(Date.now() - time) < (this.#listed.has(name) ? LISTED_BEFORE : ON_ITS_WAY);
    const clients = new Map<string, number>();
    const gone: string[] = [];
    for (const [name, pin] of [...this.#pins]) {
      if (name.includes(':')) continue;
      if (isOpen(name, pin)) {
        clients.set(pin.release, (clients.get(pin.release) ?? 0) + Number(listed.has(name)));
        // Behind those that were seen less recently.
        this.#pins.delete(name);
        this.#pins.set(name, pin);
      } else gone.push(name);
    }
    for (const name of gone.slice(0, -REMEMBERED)) {
      this.#pins.delete(name);
      this.#listed.delete(name);
    }
    // An address is no client; it is kept for as long as there may be one that came from there.
    for (const [name, { release }] of this.#pins) if (name.includes(':') && !clients.has(release)) this.#pins.delete(name);
    return clients;
  }

  async #matchAll(): Promise<readonly OpenClient[] | undefined> {
    const clients = await Promise.race([
      this.#clients.matchAll({ type: 'all', includeUncontrolled: true }),
      new Promise<undefined>((resolve) => setTimeout(resolve, LISTED_WITHIN)),
    ]);
    for (const { id } of clients ?? []) if (this.#pins.has(id)) this.#listed.add(id);
    return clients;
  }

  /**
   * For a page that says nothing of itself (`no-referrer`): the open pages, if all of them are of one release. A frame in another site's page
   * gets that release, too, while a tab is open; it would get the active one.
   */
  #ofOneRelease(clients: readonly OpenClient[]): readonly OpenClient[] {
    const pages = clients.filter(({ type }) => type === 'window');
    return new Set(pages.map(({ id }) => this.of(id))).size === 1 ? pages : [];
  }
}
