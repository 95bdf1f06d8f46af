import { signal } from '@preact/signals';
import type { Stored } from '../world/stored.js';
import type { TabView, ViewTarget } from './tab-view.js';

const storedName = 'panelet-board-views';
const mostKnown = 200;

/** What a tab of the browser keeps of its views over a reload. */
interface KeptViews {
  /** Targets of the views that are open, in order. */
  readonly open: readonly ViewTarget[];
  /** Sessions that a view of this page has opened: each can be shown again. */
  readonly known: readonly string[];
}

/** The views of the page, in the order of their tabs. */
export class OpenViews {
  readonly all = signal<readonly TabView[]>([]);
  /** Of the view that is shown; null without one. */
  readonly active = signal<string | null>(null);
  /** The view that somebody has just opened or chosen: its screen takes the focus. */
  readonly focusWanted = signal<string | null>(null);
  readonly known = signal<ReadonlySet<string>>(new Set());
  readonly #stored: Stored;
  readonly #create: (id: string, target: ViewTarget) => TabView;
  #count = 0;

  constructor(stored: Stored, create: (id: string, target: ViewTarget) => TabView) {
    this.#stored = stored;
    this.#create = create;
  }

  /** Opens the views that were open before the page was loaded again. */
  restore(): void {
    const { open, known } = readKept(this.#stored.get(storedName));
    this.known.value = new Set(known);
    for (const target of open) this.open(target);
    // The page itself has the focus when it is loaded.
    this.focusWanted.value = null;
  }

  open(target: ViewTarget): TabView {
    this.#count += 1;
    const view = this.#create(`view-${this.#count}`, target);
    this.all.value = [...this.all.value, view];
    this.choose(view);
    view.start();
    return view;
  }

  /** Shows a view, and has its screen take the focus. */
  choose(view: TabView): void {
    this.active.value = view.id;
    this.focusWanted.value = view.id;
  }

  /** Takes a view away; its session goes on. */
  close(view: TabView): void {
    const at = this.all.value.indexOf(view);
    view.close();
    this.all.value = this.all.value.filter((other) => other !== view);
    if (this.active.value === view.id) this.active.value = (this.all.value[at] ?? this.all.value.at(-1))?.id ?? null;
    this.keep();
  }

  /** Writes down which sessions are shown. Those that are over are not shown again. */
  keep(): void {
    const sessions = this.all.value.flatMap(({ state, target }) => {
      const { session, phase } = state.value;
      return session === null || phase === 'ended' || phase === 'failed' ? [] : [{ ...target, session }];
    });
    const known = [...new Set([...this.known.value, ...sessions.map(({ session }) => session)])].slice(-mostKnown);
    if (known.length !== this.known.value.size) this.known.value = new Set(known);
    this.#stored.set(storedName, JSON.stringify({ open: sessions, known } satisfies KeptViews));
  }
}

function readKept(text: string | null): KeptViews {
  try {
    const kept = JSON.parse(text ?? '') as KeptViews;
    return Array.isArray(kept.open) && Array.isArray(kept.known) ? kept : nothing;
  } catch {
    return nothing;
  }
}

const nothing: KeptViews = { open: [], known: [] };
