/**
 * What the page of the board and its server say to each other over the WebSocket `/live`: JSON, one message a frame. The page begins
 * with `hello`; anything else, or a wrong key, ends the connection.
 */

/** From the page. */
export type PageMessage =
  /** First, within 5 s. */
  | { readonly kind: 'hello'; readonly key: string }
  /** Nodes that are on the screen now, the most wanted first; the server follows the first 8 of them. */
  | { readonly kind: 'show'; readonly nodes: readonly string[] };

/**
 * From the server: at first everything, then what changes. A connection begins with `cluster`; `targets` comes after all pods and restarts that
 * there are, so that a page that comes back knows which are there no more. Events and troubles come after it.
 * An object replaces the one of the same uid (or node) whole.
 */
export type LiveMessage =
  | { readonly kind: 'cluster'; readonly cluster: BoardCluster }
  | { readonly kind: 'pods'; readonly changed: readonly BoardPod[]; readonly gone: readonly string[] }
  | { readonly kind: 'restarts'; readonly changed: readonly BoardRestart[]; readonly gone: readonly string[] }
  | { readonly kind: 'targets'; readonly targets: readonly BoardTarget[] }
  | { readonly kind: 'events'; readonly events: readonly BoardEvent[] }
  | { readonly kind: 'node'; readonly node: BoardNode }
  /** What cannot be seen, and why; without a text it can be seen (again). */
  | { readonly kind: 'trouble'; readonly of: TroubleSource; readonly text?: string };

/** What the server follows. */
export type TroubleSource = 'pods' | 'restarts' | 'events' | 'targets';

/** Which cluster the board is of; it never changes while the server runs. */
export interface BoardCluster {
  /** Name of the context in the kubeconfig; empty where there is none. */
  readonly context: string;
  readonly namespace: string;
  /** Version of this panelet. */
  readonly version: string;
}

/** A DaemonSet that can be restarted. */
export interface BoardTarget {
  readonly name: string;
  readonly component: 'agent' | 'host' | 'other';
}

/** A pod of the release. */
export interface BoardPod {
  readonly uid: string;
  readonly name: string;
  /** Empty while it has none. */
  readonly node: string;
  readonly component: 'agent' | 'host' | 'controller' | 'other';
  /** Name of its DaemonSet; empty for others. */
  readonly owner: string;
  /** As kubectl shows it: the phase, or Terminating. */
  readonly state: string;
  readonly ready: boolean;
  /** True when its DaemonSet has replaced it, and it stays for its sessions. */
  readonly retiring: boolean;
  /** Of its first container. */
  readonly image: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** A PanelRestart. */
export interface BoardRestart {
  readonly uid: string;
  readonly name: string;
  readonly target: string;
  readonly phase: string;
  readonly reason: string;
  readonly paused: boolean;
  readonly aborting: boolean;
  /** RFC 3339; empty while unknown. */
  readonly createdAt: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly expectedAt: string;
  /** Summaries as `kubectl get prs` shows them. */
  readonly podsText: string;
  readonly sessionsText: string;
  readonly forced: number;
  /** What its conditions say to people now, the most important first. */
  readonly sentences: readonly string[];
  readonly counts: {
    readonly total: number;
    readonly pending: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly retiring: number;
  };
  /** Pods under way or failed. */
  readonly lanes: readonly BoardLane[];
}

/** Where a pod of a restart is, from left to right. */
export type LaneStage = 'Claimed' | 'Warm' | 'Draining' | 'Gone' | 'Succeeded' | 'Failed';

/** A pod of a restart on its lane. */
export interface BoardLane {
  readonly uid: string;
  readonly pod: string;
  readonly node: string;
  readonly stage: LaneStage;
  /** The controller's own word for it, for example `Cordoned`. */
  readonly step: string;
  /** Since when it is at this step; RFC 3339, empty while unknown. */
  readonly since: string;
  readonly deadline: string;
  /** As the status of the restart says. */
  readonly sessions: number | null;
  readonly holders: readonly string[];
  readonly text: string;
  /** When it came to each stage that it has been at, as far as this board saw it; RFC 3339. */
  readonly times: Partial<Readonly<Record<LaneStage, string>>>;
}

/** An event of the release's objects. */
export interface BoardEvent {
  readonly uid: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly text: string;
  /** For example `PanelRestart/nightly`. */
  readonly about: string;
  /** RFC 3339, of the last time. */
  readonly at: string;
  readonly count: number;
}

/** What an agent says of its node; only of nodes that the page shows. */
export interface BoardNode {
  readonly node: string;
  /** Why nothing is known; absent while the agent answers. */
  readonly trouble?: string;
  readonly version: string;
  readonly gate: BoardGate | null;
  readonly panels: readonly BoardPanel[];
  /** The user's own, oldest first. */
  readonly sessions: readonly BoardSession[];
}

/** A gate, as its agent states it. */
export interface BoardGate {
  /** For example `SERVING`. */
  readonly state: string;
  readonly sessions: number;
  readonly restartRequired: boolean;
  readonly deadlineMs: number;
  readonly workers: readonly {
    readonly panel: string;
    readonly state: string;
    readonly sessions: number;
    readonly retiring: boolean;
    readonly message: string;
  }[];
  readonly holders: readonly string[];
}

/** A panel that can be opened. */
export interface BoardPanel {
  readonly name: string;
  readonly version: string;
}

/** A session of the user. */
export interface BoardSession {
  readonly id: string;
  readonly panel: string;
  readonly owner: string;
  readonly attached: boolean;
  readonly ageMs: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly retiring: boolean;
  /** RFC 3339; empty when nothing ends it. */
  readonly endsAt: string;
  readonly details: Readonly<Record<string, string>>;
}
