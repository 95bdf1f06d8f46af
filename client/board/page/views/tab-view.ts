import { signal, type Signal } from '@preact/signals';
import type { Clock } from '#common/time/clock.js';
import type { Random } from '#common/random.js';
import type { ViewNews, ViewRequest } from '../../wire/session.js';
import { LastingSocket } from '../link/lasting-socket.js';
import type { SocketLife } from '../link/socket-life.js';
import type { SessionGap } from '../fleet/gap-log.js';
import { ShownCounter } from './shown-counter.js';
import type { ScreenEvents, ScreenSize, ViewScreen } from './view-screen.js';
import { isViewOver, openingView, viewAfter, viewWithoutServer, type ViewState } from './view-state.js';

/** Which session a view shows: one that is there, or a new one of a panel. */
export interface ViewTarget {
  readonly node: string;
  readonly panel: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Null for a new one. */
  readonly session: string | null;
}

/** What a view is made with. */
export interface TabViewDeps {
  readonly clock: Clock;
  readonly random: Pick<Random, 'number'>;
  readonly key: string;
  createScreen(events: ScreenEvents): ViewScreen;
  gapped(gap: SessionGap): void;
  followed(link: string): void;
  changed(view: TabView): void;
  /** The server does not know the key. */
  keyRefused(): void;
}

/** A session on the screen: what comes is shown, what is typed is sent, and a lost connection to the server is made again. */
export class TabView {
  readonly id: string;
  readonly target: ViewTarget;
  readonly state: Signal<ViewState>;
  readonly title = signal('');
  readonly screen: ViewScreen;
  readonly #deps: TabViewDeps;
  readonly #socket: LastingSocket;
  #shown: ShownCounter;
  /** Of the output that comes, so many bytes were seen in another view, or here before. */
  #seenBytes = 0;

  constructor(id: string, target: ViewTarget, deps: TabViewDeps) {
    this.id = id;
    this.target = target;
    this.#deps = deps;
    this.state = signal(openingView(target.session));
    this.#shown = this.#newCounter();
    this.screen = deps.createScreen({
      typed: (text) => this.#type(text),
      resized: (size) => this.#send({ kind: 'resize', ...size }),
      titled: (title) => (this.title.value = title),
      followed: (link) => deps.followed(link),
    });
    this.#socket = new LastingSocket({
      clock: deps.clock,
      random: deps.random,
      path: '/session',
      first: () => this.#first(this.screen.size),
      heard: (data) => (data instanceof ArrayBuffer ? this.#show(new Uint8Array(data)) : this.#hear(data as ViewNews)),
      lifeChanged: (life) => this.#lifeChanged(life),
    });
  }

  start(): void {
    this.#socket.start();
  }

  /** Leaves the session to go on. */
  close(): void {
    this.#shown.stop();
    this.#socket.end();
    this.screen.dispose();
  }

  /** Ends the session for good. */
  terminate(): void {
    this.#send({ kind: 'terminate' });
  }

  /** No more input will come. */
  finish(): void {
    this.#send({ kind: 'finish' });
  }

  #first(size: ScreenSize): ViewRequest | null {
    const { key } = this.#deps;
    if (isViewOver(this.state.value)) return null;
    this.#shown.stop();
    this.#shown = this.#newCounter();
    const { session } = this.state.value;
    if (session !== null) return { kind: 'attach', key, session, ...size };
    const { node, panel, parameters } = this.target;
    return { kind: 'open', key, node, panel, parameters, ...size };
  }

  #hear(news: ViewNews): void {
    const before = this.state.value;
    if (news.kind === 'opened') this.#seenBytes = news.seenBytes;
    // What was seen before comes again from its start.
    if (news.kind === 'opened' && (news.replayed || before.phase === 'away')) this.screen.reset();
    if (news.kind === 'gap' && before.session !== null)
      this.#deps.gapped({ session: before.session, ms: news.ms, cause: news.cause, at: news.at });
    this.#become(viewAfter(before, news));
    if (isViewOver(this.state.value)) this.#socket.end();
  }

  #show(bytes: Uint8Array): void {
    const counter = this.#shown;
    const seen = bytes.subarray(0, this.#seenBytes);
    this.#seenBytes -= seen.length;
    for (const [piece, wasSeen] of [[seen, true] as const, [bytes.subarray(seen.length), false] as const])
      if (piece.length > 0) this.screen.write(piece, () => counter.add(piece.length), wasSeen);
  }

  #type(text: string): void {
    if (isViewOver(this.state.value)) return;
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length; at += mostInputBytes) this.#socket.send(bytes.slice(at, at + mostInputBytes));
  }

  #send(request: ViewRequest): void {
    this.#socket.send(request);
  }

  #lifeChanged(life: SocketLife): void {
    if (life.is === 'refused') this.#deps.keyRefused();
    // A session that may not have been opened would be opened twice.
    if (life.is === 'waiting' && this.state.value.session === null) {
      this.#socket.end();
      this.#become({ ...this.state.value, phase: 'failed', text: notOpened });
      return;
    }
    if (life.is === 'waiting') this.#become(viewWithoutServer(this.state.value));
  }

  #become(state: ViewState): void {
    if (state === this.state.value) return;
    this.state.value = state;
    this.#deps.changed(this);
  }

  #newCounter(): ShownCounter {
    return new ShownCounter(this.#deps.clock, (bytes) => this.#send({ kind: 'shown', bytes }));
  }
}

/** Of one message: the server takes no large ones. */
const mostInputBytes = 64 * 1024;
const encoder = new TextEncoder();
const notOpened = "The board's server went away before the session was open. Open another one.";
