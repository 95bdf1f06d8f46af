/** What is seen of a request before anything of it is done. */
export interface RequestFacts {
  readonly method: string;
  /** As it came, not decoded. */
  readonly url: string;
  /** Names and values as they came, one after the other: what is there twice shows. */
  readonly rawHeaders: readonly string[];
  /** It asks for a WebSocket. */
  readonly isUpgrade: boolean;
}

/** What the door is of. */
export interface DoorPlan {
  readonly port: number;
  /** Paths of the page's files. */
  readonly files: ReadonlySet<string>;
}

/** What is done about a request. Who asks for `post` and `socket` has to show a key besides. */
export type RequestVerdict =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'post'; readonly path: PostPath }
  | { readonly kind: 'socket'; readonly path: SocketPath }
  | { readonly kind: 'refuse'; readonly status: number; readonly reason: string };

/** What the page may ask to be done. */
export const postPaths = ['/key', '/plan', '/restart', '/pause', '/resume', '/abort'] as const;
/** One of {@link postPaths}. */
export type PostPath = (typeof postPaths)[number];

/** WebSockets of the page. */
export const socketPaths = ['/live', '/session'] as const;
/** One of {@link socketPaths}. */
export type SocketPath = (typeof socketPaths)[number];

/** Of which two would be two answers to one question. */
const single = ['host', 'origin', 'content-type', 'content-length', 'sec-fetch-site', 'sec-fetch-mode', 'panelet-key'];

const jsonType = /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i;

/** The name that the page is asked for by, and no other: whoever resolves to this address is somebody else. */
export function doorHost({ port }: Pick<DoorPlan, 'port'>): string {
  return `127.0.0.1:${port}`;
}

/** The origin of the page. */
export function doorOrigin(door: Pick<DoorPlan, 'port'>): string {
  return `http://${doorHost(door)}`;
}

/** Headers by lower-case name, all values of each. */
function headersOf(raw: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), raw[at + 1] ?? '']);
  }
  return headers;
}

function refuse(status: number, reason: string): RequestVerdict {
  return { kind: 'refuse', status, reason };
}

/**
 * Decides on a request by its first lines: which page of which site sends it, and whether the board does such things at all. No cookie, and
 * nothing of what other ports of this machine may set, counts for anything.
 */
export function judgeRequest(facts: RequestFacts, door: DoorPlan): RequestVerdict {
  const headers = headersOf(facts.rawHeaders);
  const one = (name: string): string | undefined => headers.get(name)?.[0];
  if (single.some((name) => (headers.get(name)?.length ?? 0) > 1)) return refuse(400, 'A header is there twice.');
  if (one('host') !== doorHost(door)) return refuse(421, `This is the board at ${doorHost(door)}, by that name only.`);
  if (headers.has('service-worker') || one('sec-fetch-dest') === 'serviceworker') {
    return refuse(403, 'The board has no service worker.');
  }
  if (facts.isUpgrade) return judgeSocket(facts, door, one);
  if (facts.method === 'POST') return judgePost(facts, door, one);
  if (facts.method === 'GET' || facts.method === 'HEAD') return judgeFile(facts, door, one);
  return refuse(405, 'The board takes GET and POST.');
}

type OneHeader = (name: string) => string | undefined;

function judgeSocket({ method, url }: RequestFacts, door: DoorPlan, one: OneHeader): RequestVerdict {
  const path = socketPaths.find((known) => known === url);
  if (method !== 'GET' || path === undefined) return refuse(404, 'There is no such WebSocket.');
  if (one('upgrade')?.toLowerCase() !== 'websocket') return refuse(400, 'The board upgrades to WebSockets only.');
  return foreign(door, one) ?? { kind: 'socket', path };
}

function judgePost({ url }: RequestFacts, door: DoorPlan, one: OneHeader): RequestVerdict {
  const path = postPaths.find((known) => known === url);
  if (path === undefined) return refuse(404, 'There is nothing to ask for here.');
  const stranger = foreign(door, one);
  if (stranger !== undefined) return stranger;
  if (!jsonType.test(one('content-type') ?? '')) return refuse(415, 'The board takes application/json.');
  return { kind: 'post', path };
}

/** Refuses what no page of ours sends. Browsers send no Sec-Fetch-Site with a WebSocket: Origin is always there. */
function foreign(door: DoorPlan, one: OneHeader): RequestVerdict | undefined {
  if (one('origin') !== doorOrigin(door)) return refuse(403, 'This comes from a page of somebody else.');
  const site = one('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin') return refuse(403, 'This comes from another site.');
  return undefined;
}

function judgeFile({ url }: RequestFacts, door: DoorPlan, one: OneHeader): RequestVerdict {
  if (!door.files.has(url)) return refuse(404, 'There is no such file.');
  const origin = one('origin');
  if (origin !== undefined && origin !== doorOrigin(door)) return refuse(403, 'Another page asks for this file.');
  const site = one('sec-fetch-site');
  if (site === undefined || site === 'same-origin') return { kind: 'file', path: url };
  // The first page holds nothing secret. It is come to from an address bar, and from a file on this machine, which is another site.
  const isVisit = one('sec-fetch-mode') === 'navigate' && one('sec-fetch-dest') === 'document';
  const isFirst = url === '/' && isVisit && (site === 'none' || site === 'cross-site');
  return isFirst ? { kind: 'file', path: url } : refuse(403, 'Another site asks for this file.');
}
