import { once } from 'node:events';
import { linkSignals } from '#common/time/deadline.js';
import { listAt, textAt } from '../../store/json-copy.js';
import type { AnyObject } from '../../store/kube-object.js';
import { badRequest } from '../../store/refusals.js';
import { StatusError } from '../../store/status-error.js';
import type { ApiContext, ResourceRequest } from './api-context.js';
import type { PodLogRequest } from './pod-logs.js';
import { needObject } from './read-handlers.js';
import { sendText } from '../wire/reply.js';

function chooseContainer(pod: AnyObject, asked: string): string {
  const names = ['initContainers', 'containers'].flatMap((field) =>
    listAt(pod, 'spec', field).map((container) => textAt(container, 'name')),
  );
  const { name } = pod.metadata;
  if (asked !== '') {
    if (names.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [only] = listAt(pod, 'spec', 'containers');
  if (only !== undefined && names.length === 1) return textAt(only, 'name');
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`);
}

function logRequestOf(pod: AnyObject, query: URLSearchParams): PodLogRequest {
  const isTrue = (name: string): boolean => ['true', '1'].includes(query.get(name) ?? '');
  const number = <Name extends string>(name: Name): Partial<Record<Name, number>> => {
    const text = query.get(name) ?? '';
    if (text === '') return {};
    if (!/^\d+$/.test(text)) throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}`);
    return { [name]: Number(text) } as Partial<Record<Name, number>>;
  };
  const sinceTime = query.get('sinceTime');
  return {
    namespace: pod.metadata.namespace ?? '',
    pod: pod.metadata.name,
    podUid: pod.metadata.uid ?? '',
    container: chooseContainer(pod, query.get('container') ?? ''),
    follow: isTrue('follow'),
    previous: isTrue('previous'),
    timestamps: isTrue('timestamps'),
    ...number('tailLines'),
    ...number('sinceSeconds'),
    ...number('limitBytes'),
    ...(sinceTime === null ? {} : { sinceTime }),
  };
}

/** Answers a request for a container's output, from the launcher's source. */
export async function handleLog(context: ApiContext, { response, query, target }: ResourceRequest): Promise<void> {
  const pod = needObject(context, target);
  const request = logRequestOf(pod, query);
  if (textAt(pod, 'spec', 'nodeName') === '') {
    // Nothing runs it yet, so it has said nothing yet.
    sendText(response, 200, '');
    return;
  }
  if (context.podLogs === undefined) {
    throw new StatusError(501, 'NotImplemented', 'this dev cluster runs without a pod launcher, so there are no logs');
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const { signal, unlink } = linkSignals([gone.signal, context.closing]);
  try {
    const chunks = context.podLogs(request, signal)[Symbol.asyncIterator]();
    const first = await chunks.next();
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    for (let chunk = first; chunk.done !== true && !signal.aborted; chunk = await chunks.next()) {
      if (!response.write(chunk.value)) await once(response, 'drain', { signal }).catch(() => undefined);
    }
    response.end();
  } finally {
    unlink();
  }
}
