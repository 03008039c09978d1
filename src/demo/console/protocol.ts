/** What the console asks the app in its frame to do, so that an attack shows at once. */
export type Order = 'update' | 'wipe' | 'reload';

/** One way in which the server can be made hostile. */
export interface SwitchText {
  readonly id: string;
  readonly title: string;
  /** What the server does from now on, and what a person does to see it. One or two sentences. */
  readonly does: string;
  /** What they will see. */
  readonly shows: string;
  /** What the console has the app do once the switch is on. */
  readonly order: Order;
  /** Files the switch can be pointed at, as target paths; the first is the default. */
  readonly files?: readonly string[];
}

/** A request that the app's server received. */
export interface LoggedRequest {
  readonly path: string;
  readonly at: number;
  readonly lied: boolean;
}

/** Everything the console page shows. Sent as a server-sent event whenever it changes. */
export interface ConsoleState {
  readonly appUrl: string;
  /** Number of the release that the honest server has. */
  readonly release: number;
  /** Id of the switch that is on; null when the server is honest. */
  readonly attack: string | null;
  readonly switches: readonly SwitchText[];
  /** Newest first. */
  readonly requests: readonly LoggedRequest[];
}
