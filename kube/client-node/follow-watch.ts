import { Watch } from '@kubernetes/client-node';

import type { WatchOptions } from '../api.js';
import { apiErrorOf, errorOfFailure } from '../api-status.js';
import type { PooledKubeConfig } from './pooled-kube-config.js';

/**
 * Follows a watch of the objects at `path` and hands over what each line says, until the server ends it or the signal
 * aborts.
 * @throws PaneletError when the server refuses it, or the connection fails.
 */
export function followWatch(
  config: PooledKubeConfig,
  path: string,
  { resourceVersion, fieldSelector, signal }: WatchOptions,
  onLine: (type: string, object: unknown) => void,
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const query = {
    allowWatchBookmarks: true,
    resourceVersion,
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
  return new Promise((resolve, reject) => {
    const stopped = { controller: undefined as AbortController | undefined };
    const stop = (): void => {
      stopped.controller?.abort();
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
    const done = (error: unknown): void => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted || isEnd(error)) resolve();
      else reject(watchError(path, error));
    };
    const onLineUnlessStopped = (type: string, object: unknown): void => {
      if (!signal.aborted) onLine(type, object);
    };
    new Watch(config).watch(path, query, onLineUnlessStopped, done).then((controller: AbortController) => {
      stopped.controller = controller;
      if (signal.aborted) controller.abort();
    }, done);
  });
}

function isEnd(error: unknown): boolean {
  // 30 s without a byte: the library's own limit, no failure of the server.
  const idle = error instanceof DOMException && error.name === 'TimeoutError';
  return idle || error === null || error === undefined;
}

function watchError(path: string, error: unknown): Error {
  const { statusCode } = error as { statusCode?: unknown };
  if (typeof statusCode === 'number') return apiErrorOf(`watch ${path}`, statusCode, String(error));
  return errorOfFailure(`watch ${path}`, error);
}
