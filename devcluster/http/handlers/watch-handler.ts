import type { AnyObject } from '../../store/kube-object.js';
import type { StoreEvent } from '../../store/object-store.js';
import { badRequest, forbiddenField, invalid } from '../../store/refusals.js';
import { StatusError } from '../../store/status-error.js';
import type { ApiContext, ResourceRequest } from './api-context.js';
import { listOptionsOf } from './read-handlers.js';
import {
  chooseRepresentation,
  representBookmark,
  representObject,
  type Representation,
} from '../wire/representation.js';

const bookmarkEveryMs = 60_000;
// A client that does not read is cut off before it fills our memory; it can list and watch anew.
const maxBufferedBytes = 16 * 1024 * 1024;

/** Where a watch begins. */
interface Beginning {
  /** Objects that are told as ADDED first. */
  readonly initial: boolean;
  /** Whether a bookmark says where the initial objects end. */
  readonly announcesEnd: boolean;
  readonly fromResourceVersion: string;
}

const isTrue = (query: URLSearchParams, name: string): boolean => ['true', '1'].includes(query.get(name) ?? '');

function beginningOf(context: ApiContext, { query, target }: ResourceRequest): Beginning {
  const asked = query.get('resourceVersion') ?? '';
  if (!/^\d*$/.test(asked))
    throw badRequest(`Invalid value: ${JSON.stringify(asked)}: resourceVersion must be a number`);
  const current = context.store.resourceVersion;
  const sends = query.get('sendInitialEvents');
  if (sends !== null && query.get('resourceVersionMatch') !== 'NotOlderThan') {
    const why = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
    throw invalid({ ...target.served.kind, group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
      forbiddenField('resourceVersionMatch', why),
    ]);
  }
  if (sends === 'true' || sends === '1') return { initial: true, announcesEnd: true, fromResourceVersion: current };
  if (asked === '' || asked === '0')
    return { initial: sends === null, announcesEnd: false, fromResourceVersion: current };
  return { initial: false, announcesEnd: false, fromResourceVersion: asked };
}

/** Writes the events of one watch. */
class WatchWriter {
  private hasHead = false;

  constructor(
    private readonly as: Omit<Representation, 'nowMs'>,
    private readonly context: ApiContext,
    private readonly call: ResourceRequest,
  ) {}

  tell(type: StoreEvent<AnyObject>['type'], object: AnyObject): void {
    const as = { ...this.as, nowMs: this.context.clock.date().getTime() };
    this.write(type, representObject(object, as, !this.hasHead));
    this.hasHead = true;
  }

  bookmark(resourceVersion: string, annotations?: Readonly<Record<string, string>>): void {
    this.write('BOOKMARK', representBookmark({ ...this.as, nowMs: 0 }, resourceVersion, annotations));
  }

  fail(error: unknown): void {
    if (!(error instanceof StatusError)) throw error;
    this.write('ERROR', error.status);
  }

  private write(type: string, object: unknown): void {
    const { response } = this.call;
    response.write(`${JSON.stringify({ type, object })}\n`);
    if (response.writableLength > maxBufferedBytes) response.destroy();
  }
}

function timeoutOf(context: ApiContext, query: URLSearchParams): number {
  const seconds = Number(query.get('timeoutSeconds') ?? '0');
  // Like the real server: half an hour to an hour when nothing is asked for.
  return (seconds > 0 ? seconds : 1800 * (1 + context.random.number())) * 1000;
}

/** Answers a watch: a line of JSON for each change, until the client goes, the time is over or the server closes. */
export function handleWatch(context: ApiContext, call: ResourceRequest): void {
  const { request, response, query, target } = call;
  const { store, clock } = context;
  const as = chooseRepresentation(target.served, request.headers.accept, query, 0);
  const options = listOptionsOf(target, query);
  const beginning = beginningOf(context, call);
  const initial = store.list<AnyObject>(target.served.storedAs, options).items;
  const writer = new WatchWriter(as, context, call);
  const hasBookmarks = isTrue(query, 'allowWatchBookmarks');

  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  let stop: () => void = () => undefined;
  try {
    const { fromResourceVersion } = beginning;
    const listener = (event: StoreEvent<AnyObject>): void => {
      try {
        writer.tell(event.type, event.object);
      } catch (error) {
        // One watch that cannot be served must not end the server; its client lists and watches anew.
        context.log.error({ err: error }, 'Watch failed');
        response.destroy();
      }
    };
    stop = store.watch<AnyObject>(target.served.storedAs, { ...options, fromResourceVersion }, listener);
  } catch (error) {
    writer.fail(error);
    response.end();
    return;
  }
  if (beginning.initial) for (const object of initial) writer.tell('ADDED', object);
  if (beginning.announcesEnd && hasBookmarks) {
    writer.bookmark(beginning.fromResourceVersion, { 'k8s.io/initial-events-end': 'true' });
  }
  let bookmarks = clock.after(bookmarkEveryMs, tick);
  function tick(): void {
    if (hasBookmarks) writer.bookmark(store.resourceVersion);
    bookmarks = clock.after(bookmarkEveryMs, tick);
  }
  const end = (): void => void response.end();
  const timeout = clock.after(timeoutOf(context, query), end);
  context.closing.addEventListener('abort', end, { once: true });
  response.once('close', () => {
    stop();
    bookmarks.stop();
    timeout.stop();
    context.closing.removeEventListener('abort', end);
  });
}
