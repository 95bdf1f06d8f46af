import { readFileSync } from 'node:fs';

/** The cluster of test/cluster, whose nodes and API server tests may stop and whose audit log they read. */
export interface OwnCluster {
  /** The program test/cluster/cluster. */
  readonly command: string;
  readonly stateDir: string;
}

/** Where the end-to-end tests run, as `npm run e2e` prepared it. */
export interface E2eEnvironment {
  readonly kubeconfig: string;
  readonly kubectl: string;
  readonly helm: string;
  readonly root: string;
  readonly namespace: string;
  readonly release: string;
  /** Image with its tag. */
  readonly image: string;
  /** Values the release was installed with, a file. */
  readonly values: string;
  /** For what tests write; removed at the end. */
  readonly workDir: string;
  /** Interpreter with what test/e2e/python needs. */
  readonly python: string;
  readonly grpcurl: string;
  readonly kubeScore: string;
  /** Left out where the cluster is somebody else's. */
  readonly ownCluster?: OwnCluster;
}

/** The environment variable that names the file with the {@link E2eEnvironment}. */
export const environmentVariable = 'PANELET_E2E';

/** Reads the environment. @throws when the tests were not started by `npm run e2e`. */
export function readEnvironment(): E2eEnvironment {
  const file = process.env[environmentVariable];
  if (file === undefined) throw new Error('These tests need a cluster with Panelet: start them with npm run e2e.');
  return JSON.parse(readFileSync(file, 'utf8')) as E2eEnvironment;
}
