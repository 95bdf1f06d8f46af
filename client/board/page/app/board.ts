import { batch, computed, signal } from '@preact/signals';
import type { Clock, Timer } from '#common/time/clock.js';
import type { Random } from '#common/random.js';
import { mostFollowed } from '../../wire/limits.js';
import type { LiveMessage } from '../../wire/live.js';
import { awaitEverything, emptyFleet, fleetAfter, withoutNodes } from '../fleet/fleet.js';
import { withGap, type SessionGap } from '../fleet/gap-log.js';
import { chosenRows, nodeRows, type NodeChoice } from '../fleet/node-rows.js';
import { createBoardRequests, type BoardRequests } from '../link/board-requests.js';
import { LastingSocket } from '../link/lasting-socket.js';
import type { SocketLife } from '../link/socket-life.js';
import { Announcer } from './announcer.js';
import { changesOf } from './changes.js';
import { OpenQuestion } from './question.js';

/** What a board is made with. */
export interface BoardDeps {
  readonly clock: Clock;
  readonly random: Pick<Random, 'number'>;
  readonly key: string;
  /** The server does not know the key. */
  keyRefused(): void;
}

/** Messages are taken together: the page is drawn at most so often. */
const takeMs = 50;
const mostWaiting = 2_000;
/** What is scrolled past is not asked for. */
const showMs = 150;

const everyNode: NodeChoice = { text: '', state: 'all', sort: 'node', isDescending: false };

/** The state of the page, in signals; parts of the page read them, and say here what a person wants. */
export class Board {
  readonly fleet = signal(emptyFleet);
  readonly life = signal<SocketLife>({ is: 'connecting', tries: 0 });
  /** Milliseconds of the clock, once a second: ages are counted with it. */
  readonly nowMs = signal(0);
  readonly date = signal(new Date(0));
  readonly choice = signal(everyNode);
  /** The node whose particulars are shown. */
  readonly openNode = signal<string | null>(null);
  readonly gaps = signal<readonly SessionGap[]>([]);
  readonly isReadOut = signal(false);
  readonly rows = computed(() => nodeRows(this.fleet.value));
  readonly chosen = computed(() => chosenRows(this.rows.value, this.choice.value));
  readonly questions = new OpenQuestion();
  readonly announcer: Announcer;
  readonly requests: BoardRequests;
  readonly #deps: BoardDeps;
  readonly #socket: LastingSocket;
  #waiting: LiveMessage[] = [];
  #takeTimer: Timer | undefined;
  #onScreen: readonly string[] = [];
  #shown = '';
  #showTimer: Timer | undefined;

  constructor(deps: BoardDeps) {
    this.#deps = deps;
    this.announcer = new Announcer(deps.clock);
    this.requests = createBoardRequests(deps.key);
    this.#socket = new LastingSocket({
      clock: deps.clock,
      random: deps.random,
      path: '/live',
      first: () => ({ kind: 'hello', key: deps.key }),
      heard: (data) => this.#hear(data as LiveMessage),
      lifeChanged: (life) => this.#lifeChanged(life),
    });
  }

  start(): void {
    this.#tick();
    this.#socket.start();
  }

  /** Tries to reach the server at once. */
  tryNow(): void {
    this.#socket.tryNow();
  }

  /** Nodes that can be seen in the list, from the top. */
  setOnScreen(nodes: readonly string[]): void {
    this.#onScreen = nodes;
    this.#showTimer ??= this.#deps.clock.after(showMs, () => this.#show());
  }

  /** Shows what is known of a node, or of none. */
  setOpenNode(node: string | null): void {
    this.openNode.value = node;
    this.#show();
  }

  addGap(gap: SessionGap): void {
    this.gaps.value = withGap(this.gaps.value, gap);
  }

  #hear(message: LiveMessage): void {
    this.#waiting.push(message);
    if (this.#waiting.length >= mostWaiting) this.#take();
    else this.#takeTimer ??= this.#deps.clock.after(takeMs, () => this.#take());
  }

  #take(): void {
    this.#takeTimer?.stop();
    this.#takeTimer = undefined;
    const messages = this.#waiting;
    this.#waiting = [];
    const before = this.fleet.value;
    const after = fleetAfter(before, messages, this.#deps.clock.nowMs());
    batch(() => (this.fleet.value = after));
    for (const sentence of changesOf(before, after)) this.announcer.tell(sentence);
  }

  #lifeChanged(life: SocketLife): void {
    const before = this.life.value;
    this.life.value = life;
    if (life.is === 'refused') {
      this.#deps.keyRefused();
      return;
    }
    if (life.is === 'live') {
      this.#take();
      this.fleet.value = awaitEverything(this.fleet.value);
      this.#shown = '';
      this.#show();
      if (before.is !== 'live' && this.fleet.value.cluster !== null) this.announcer.tell('Connected again');
    }
    if (life.is === 'waiting' && before.is === 'live') {
      this.fleet.value = withoutNodes(this.fleet.value, new Set());
      this.announcer.tell('The connection to the board is lost');
    }
  }

  #show(): void {
    this.#showTimer?.stop();
    this.#showTimer = undefined;
    const open = this.openNode.value;
    const nodes = [...new Set([...(open === null ? [] : [open]), ...this.#onScreen])];
    const text = JSON.stringify(nodes);
    if (text === this.#shown || this.life.value.is !== 'live') return;
    if (!this.#socket.send({ kind: 'show', nodes })) return;
    this.#shown = text;
    this.fleet.value = withoutNodes(this.fleet.value, new Set(nodes.slice(0, mostFollowed)));
  }

  #tick(): void {
    batch(() => {
      this.nowMs.value = this.#deps.clock.nowMs();
      this.date.value = this.#deps.clock.date();
    });
    this.#deps.clock.after(1_000, () => this.#tick());
  }
}
