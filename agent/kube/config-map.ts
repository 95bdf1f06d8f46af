import { z } from 'zod';
import { createBackoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { ApiClient } from '#kube/plain/api-client.js';

/** One ConfigMap to follow. */
export interface FollowOptions {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly namespace: string;
  readonly name: string;
  /** Told the data at first and whenever they may have changed; undefined when there is no such ConfigMap. */
  readonly onData: (data: Readonly<Record<string, string>> | undefined) => void;
  readonly signal: AbortSignal;
}

const configMap = z.object({
  metadata: z.object({ resourceVersion: z.string().default('') }),
  data: z.record(z.string(), z.string()).nullish(),
});
const event = z.object({ type: z.string(), object: z.unknown() });

const watchSeconds = 300;
const retryInitialMs = 500;
const retryMaxMs = 30_000;

/** Follows one ConfigMap until the signal aborts; never rejects. Reads it again whenever its watch ends. */
export async function followConfigMap(options: FollowOptions): Promise<void> {
  const { clock, random, signal, log, name } = options;
  const isOver = (): boolean => signal.aborted;
  const backoff = createBackoff(random, { initialMs: retryInitialMs, maxMs: retryMaxMs });
  while (!isOver()) {
    try {
      const version = await readOnce(options);
      if (version !== undefined) {
        await watchFrom(options, version);
        backoff.reset();
      }
    } catch (error) {
      if (isOver()) return;
      log.warn({ err: error, configMap: name }, 'A ConfigMap cannot be followed now; it is tried again');
    }
    try {
      await sleep(clock, backoff.nextMs(), signal);
    } catch {
      return;
    }
  }
}

// Resolves with where to watch from; undefined when there is nothing to watch yet.
async function readOnce({ api, namespace, name, onData }: FollowOptions): Promise<string | undefined> {
  try {
    const content = await api.call({ method: 'GET', path: `${pathOf(namespace)}/${encodeURIComponent(name)}` });
    const { data, metadata } = parse(content);
    onData(data ?? {});
    return metadata.resourceVersion;
  } catch (error) {
    if (!isPaneletError(error, 'API_NOT_FOUND')) throw error;
    onData(undefined);
    return undefined;
  }
}

async function watchFrom(options: FollowOptions, version: string): Promise<void> {
  const { api, namespace, name, signal, onData } = options;
  const query = new URLSearchParams({
    ...{ watch: 'true', fieldSelector: `metadata.name=${name}`, resourceVersion: version },
    ...{ allowWatchBookmarks: 'true', timeoutSeconds: String(watchSeconds) },
  });
  const path = `${pathOf(namespace)}?${query.toString()}`;
  // A connection that has died without a word must not look like a ConfigMap that never changes.
  const timeoutMs = (watchSeconds + 30) * 1000;
  await api.follow(
    { method: 'GET', path, timeoutMs },
    (line) => {
      const parsed = event.safeParse(line);
      if (!parsed.success || parsed.data.type === 'BOOKMARK') return;
      if (parsed.data.type === 'ERROR') throw new Error('the watch is too old');
      onData(parsed.data.type === 'DELETED' ? undefined : (parse(parsed.data.object).data ?? {}));
    },
    signal,
  );
}

function pathOf(namespace: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps`;
}

function parse(content: unknown): z.infer<typeof configMap> {
  const parsed = configMap.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new PaneletError('API_UNAVAILABLE', 'The API server answered something that is no ConfigMap.');
}
