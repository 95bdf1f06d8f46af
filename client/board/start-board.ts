import { linkSignals } from '#common/time/deadline.js';
import { isPaneletError } from '#common/errors/errors.js';
import { openCluster, savedClusterOf } from '../cli/access/agent-access.js';
import { kubectlOf, type CliContext } from '../cli/access/cli-context.js';
import { createResumeStore, resumeStoreDir } from '../cli/access/resume-store.js';
import { defaultNamespace } from '../cli/cluster/agent-pods.js';
import type { Kubectl } from '../cli/cluster/kubectl.js';
import { createBoardActions } from './actions/board-actions.js';
import { openBoardDoor, type BoardDoor } from './door/board-door.js';
import { createDoorKeys } from './door/door-keys.js';
import { readPageFiles } from './door/page-files.js';
import { BoardState } from './live/board-state.js';
import { followCluster } from './live/follow-cluster.js';
import { serveLive } from './live/live-socket.js';
import { createWatchedNodes } from './live/watched-nodes.js';
import { ShownNodes } from './live/shown-nodes.js';
import { BoardSessions } from './views/board-sessions.js';
import { serveView } from './views/serve-view.js';
import { createNodeWays } from './ways/node-ways.js';
import type { BoardCluster } from './wire/live.js';

/** How a board is started. */
export interface BoardOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** Where the page's files are. */
  readonly pageDirectory: string;
  /** A token was traded for a key: somebody is in. */
  readonly onKey?: () => void;
}

/** A board that runs. */
export interface RunningBoard {
  readonly cluster: BoardCluster;
  /** Its address without a token: it leads to a page that asks for one. */
  readonly address: string;
  /** An address that lets in whoever has it, once, within 60 s. */
  freshAddress(): string;
  /** Ends it: pages, sessions (which are kept for a while), ways and watches. */
  close(): Promise<void>;
}

/** The name of the context; empty where there is none. */
async function contextName({ flags }: CliContext, kubectl: Kubectl): Promise<string> {
  if (flags.context !== undefined) return flags.context;
  return (await kubectl.run(['config', 'current-context']).catch(() => '')).trim();
}

/** @throws what kubectl says where there is no cluster */
async function requireCluster(kubectl: Kubectl, namespace: string): Promise<void> {
  try {
    await kubectl.run(['get', 'pods', '-n', namespace, '--chunk-size=1', '-o', 'name', '-l', 'panelet.dev/none=none']);
  } catch (error) {
    // Who may not see pods may still have sessions.
    if (!isPaneletError(error, 'IDENTITY_REFUSED')) throw error;
  }
}

/** Starts a board of the cluster of the flags. @throws CONFIG_INVALID, PORT_TAKEN, or what kubectl says where there is no cluster */
export async function startBoard(context: CliContext, options: BoardOptions): Promise<RunningBoard> {
  const { world } = context;
  const { clock, random } = world;
  const ending = new AbortController();
  const { signal, unlink } = linkSignals([world.stop, ending.signal]);
  const ours: CliContext = { ...context, world: { ...world, stop: signal } };
  const kubectl = kubectlOf(ours, signal);
  const namespace = context.flags.namespace ?? defaultNamespace;
  const files = await readPageFiles(options.pageDirectory);
  await requireCluster(kubectl, namespace);
  const named = { context: await contextName(context, kubectl), namespace, version: world.version };
  const state = new BoardState(named);
  const ways = createNodeWays(openCluster(ours), world);
  const shown = new ShownNodes({ state, clock, source: createWatchedNodes({ ways, clock, random, signal }) });
  const store = createResumeStore(resumeStoreDir(world.env, world.homeDir));
  const sessions = new BoardSessions({ ways, store, world, cluster: savedClusterOf(context.flags, undefined) });
  const keys = createDoorKeys({ clock, random });
  const { onKey } = options;
  const door: BoardDoor = await openBoardDoor({
    port: options.port,
    files,
    keys,
    clock,
    ...(onKey === undefined ? {} : { onKey }),
    act: createBoardActions(ours),
    enter: (path, socket, first) => {
      if (path === '/live') serveLive(socket, { state, shown, clock });
      else serveView(socket, first, { sessions, clock });
    },
  });
  const following = followCluster(state, { kubectl, clock, random, signal });
  return {
    cluster: named,
    address: door.origin,
    freshAddress: () => `${door.origin}/#token=${keys.issueToken()}`,
    close: async () => {
      shown.stop();
      await door.close();
      await sessions.close();
      ending.abort(new Error('The board ends.'));
      await Promise.all([ways.close(), following]);
      unlink();
    },
  };
}
