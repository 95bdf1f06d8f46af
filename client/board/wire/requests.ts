/**
 * Requests of the page that are not WebSockets: POST with JSON, header `Panelet-Key: <key>` (but for `/key`), answered with JSON.
 * A refusal has a status from 400 on and the body `BoardRefusal`.
 */

/** `POST /key`: trades the one-time token of the address for a key. Tokens are good once, for 60 s. */
export interface KeyRequest {
  readonly token: string;
}

/** Its answer. */
export interface KeyAnswer {
  readonly key: string;
}

/** `POST /plan` and `POST /restart`. */
export interface RestartRequest {
  /** Name of a DaemonSet. */
  readonly target: string;
  readonly reason: string;
}

/** Answer of `/plan`: the sentences of a dry run. */
export interface PlanAnswer {
  readonly text: string;
  readonly podsText: string;
}

/** `POST /pause`, `/resume`, `/abort`: what becomes of a restart. Answered with `{}`, as `/restart` is. */
export interface RestartName {
  readonly restart: string;
}

/** Why not, for people. */
export interface BoardRefusal {
  readonly code: string;
  readonly text: string;
}
