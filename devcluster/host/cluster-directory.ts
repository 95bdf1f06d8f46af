import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { replaceFileSync } from '#common/files/replace-file.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';

const clusterStateSchema = z.object({
  /** Random; names the cluster in the environment of its processes and in a short run directory. */
  id: z.string(),
  /** For example 127.83.12. */
  subnet: z.string(),
  apiPort: z.number(),
  nodes: z.number(),
  /** True once the first objects were made; what somebody deleted later stays deleted. */
  initialized: z.boolean(),
});

/** What a dev cluster remembers of itself. */
export type ClusterState = z.infer<typeof clusterStateSchema>;

/** Where the parts of one node live. */
export interface NodePaths {
  readonly directory: string;
  readonly agentConfig: string;
  /** Sockets; short, because a socket's path may have 107 characters at most. */
  readonly run: string;
  readonly state: string;
  readonly panels: string;
}

/** The directory of a dev cluster. */
export interface ClusterDirectory {
  readonly path: string;
  readonly kubeconfig: string;
  readonly identities: string;
  /** One file per identity, holding its token. */
  readonly tokens: string;
  readonly store: string;
  /** @throws STATE_DIR_UNUSABLE when it is there and can't be read. */
  readState(): ClusterState | undefined;
  writeState(state: ClusterState): void;
  node(state: ClusterState, name: string): NodePaths;
}

// <run>/workers/<panel>-<version>.sock must stay below sockaddr_un's 108 bytes; this leaves 40 for what follows.
const longestRunPath = 60;

/** Runs `use` and says in plain words when the disk refuses. */
function onDisk<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    const message = `Cannot use ${path} for a dev cluster: ${messageOf(cause)}. Check its owner and the disk, or give another --dir.`;
    throw new PaneletError('STATE_DIR_UNUSABLE', message, { cause });
  }
}

/** Directory of the node called `name`, whose run directory is elsewhere when its path is too long. */
function nodePaths(directory: string, id: string, name: string): NodePaths {
  const own = join(directory, 'nodes', name);
  const run = join(own, 'run');
  return {
    directory: own,
    agentConfig: join(own, 'agent.yaml'),
    run: run.length <= longestRunPath ? run : join(tmpdir(), `panelet-${id}`, name),
    state: join(own, 'state'),
    panels: join(own, 'panels.d'),
  };
}

/**
 * Opens the directory, and makes it if it is not there. Only its owner may enter: it holds tokens.
 * @throws STATE_DIR_UNUSABLE when it can't be made or written.
 */
export function openClusterDirectory(directory: string): ClusterDirectory {
  const path = resolve(directory);
  const stateFile = join(path, 'cluster.json');
  onDisk(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  });
  return {
    path,
    kubeconfig: join(path, 'kubeconfig'),
    identities: join(path, 'identities.yaml'),
    tokens: join(path, 'tokens'),
    store: join(path, 'store'),
    readState: () =>
      onDisk(stateFile, () =>
        existsSync(stateFile) ? clusterStateSchema.parse(JSON.parse(readFileSync(stateFile, 'utf8'))) : undefined,
      ),
    writeState: (state) => onDisk(stateFile, () => replaceFileSync(stateFile, JSON.stringify(state, undefined, 2))),
    node: (state, name) => nodePaths(path, state.id, name),
  };
}
