import { PaneletError, messageOf } from '#common/errors/errors.js';

import { PooledKubeConfig } from './pooled-kube-config.js';

/**
 * Reads a kubeconfig file, or the service account of the pod when no file is given.
 * @throws PaneletError KUBECONFIG_INVALID that says which file and what is wrong with it.
 */
export function loadKubeConfig(file: string | undefined): PooledKubeConfig {
  const config = new PooledKubeConfig();
  const where = file ?? 'the service account of this pod';
  try {
    if (file === undefined) config.loadFromCluster();
    else config.loadFromFile(file);
  } catch (error) {
    const text = messageOf(error);
    const advice = 'Give a readable kubeconfig with --kubeconfig.';
    throw new PaneletError('KUBECONFIG_INVALID', `Cannot load ${where}: ${text} ${advice}`, { cause: error });
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null || !URL.canParse(cluster.server)) {
    const context = config.getCurrentContext();
    const message = `The context ${JSON.stringify(context)} in ${where} has no cluster with a server address; set current-context.`;
    throw new PaneletError('KUBECONFIG_INVALID', message);
  }
  return config;
}
