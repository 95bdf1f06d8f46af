import type { Peer, PeerOptions, Target } from './peer.js';
import type { HeaderPairs } from './wire.js';

/** What an attack works with. */
export interface AttackContext {
  readonly target: Target;
  /** A token of the attacker's own, with the role client; undefined for a stranger. */
  readonly token: string | undefined;
  /** Connections that the agent takes at most. */
  readonly maxConnections: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Resolves when it is to end. */
  readonly over: Promise<void>;
  /** Counts what was done, by name. */
  count(what: string, by?: number): void;
  /** Connects again and again until somebody accepts; undefined once it is over. */
  connect(options?: PeerOptions): Promise<Peer | undefined>;
  /** Headers of a gRPC call, with the token. */
  headers(path: string, more?: HeaderPairs): HeaderPairs;
}

/** One way to harm. */
export interface Attack {
  /** Kebab-case, as in `--only`. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly what: string;
  /** Who does it: somebody without a token, somebody with one, or either. */
  readonly by: 'stranger' | 'client' | 'either';
  /** True for those that only TLS has. */
  readonly needsTls?: boolean;
  /** How the agent finds out who calls, where that matters. @default 'file' */
  readonly identity?: 'file' | 'kubernetes';
  /** The others are looked at once it has done this much, however slow the machine; `room`: all connections there are. */
  readonly enough?: { readonly what: string; readonly count: number | 'room' };
  /** Runs until the signal, in a process of its own; leaves by itself when it has nothing more to do. */
  run(context: AttackContext): Promise<void>;
}

/** Paths of the agent's services. */
export const servicePath = {
  attach: '/panelet.session.v1.SessionService/Attach',
  listPanels: '/panelet.session.v1.SessionService/ListPanels',
  gateStatus: '/panelet.gate.v1.GateService/Status',
  healthCheck: '/grpc.health.v1.Health/Check',
  healthWatch: '/grpc.health.v1.Health/Watch',
} as const;

/** Resolves after a while, or when it is over. */
export function rest(context: Pick<AttackContext, 'signal'>, ms: number): Promise<void> {
  if (context.signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      context.signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    context.signal.addEventListener('abort', done);
  });
}

/** True when it is to end. */
export function isOver({ signal }: Pick<AttackContext, 'signal'>): boolean {
  return signal.aborted;
}

/** Runs as many of the same at once, until all have ended. */
export async function together(count: number, run: (index: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => run(index)));
}

/** Uses a connection as long as it is welcome, then another one, until it is over. */
export async function whileWelcome(
  context: AttackContext,
  turn: (peer: Peer) => Promise<void>,
  options?: PeerOptions,
): Promise<void> {
  while (!isOver(context)) {
    const peer = await context.connect(options);
    if (peer === undefined) return;
    context.count('connections');
    while (peer.isWelcome() && !isOver(context)) await turn(peer);
    peer.destroy();
  }
}
