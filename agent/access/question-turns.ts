import type { Random } from '#common/random.js';
import { whoGivesWay } from './giving-way.js';

/** Who has something to ask: a connection, or a caller that is known by name. */
export interface QuestionSource {
  /** The line of its own that its questions wait in. */
  readonly id: string;
  /** Groups take turns, whatever the number of askers in them: the network of a connection. */
  readonly group: string;
  /** True for one that has proven something before: in its group it goes before strangers, three times out of four. */
  readonly proven: boolean;
}

/** A question in somebody's line. */
export interface WaitingQuestion {
  readonly key: string;
  readonly askerId: string;
}

/** Bounds of what waits and of what is under way. */
export interface TurnLimits {
  /** Most questions under way in all. */
  readonly underWay: number;
  /** Most questions under way in one asker's turn. */
  readonly underWayEach: number;
  /** Most questions in the line of one asker. */
  readonly waitingEach: { readonly stranger: number; readonly proven: number };
  /** Most places in all lines. */
  readonly waiting: number;
}

/** Whose question is next. Knows nothing of time, promises or answers. */
export interface QuestionTurns {
  /**
   * Takes a place for a question that is not under way. A renewal goes before all else in the line of its asker, and is not
   * refused for want of room there. The same question in several lines is asked once, in the first turn that comes.
   * @returns the places that had to give way; the one asked for may be among them
   */
  wait(asker: QuestionSource, key: string, renewal?: boolean): readonly WaitingQuestion[];
  /** Gives a place up. One that is not there is fine. */
  leave(place: WaitingQuestion): void;
  /**
   * Takes the question whose turn it is out of all lines; it is under way from now on, in the turn of the asker that is named.
   * Undefined when none can be asked.
   */
  next(): WaitingQuestion | undefined;
  /** A question under way is answered. */
  done(key: string): void;
  /** What there is at the moment. */
  count(): { readonly underWay: number; readonly places: number; readonly lines: number; readonly groups: number };
}

/** The line of one asker. */
interface Line {
  readonly id: string;
  readonly group: Group;
  proven: boolean;
  /** Renewals first, each kind in the order in which it came. */
  readonly keys: string[];
  renewals: number;
  underWay: number;
}

/** Lines of one group; a line whose turn may come is in one of the two orders. */
interface Group {
  readonly name: string;
  readonly lines: Set<Line>;
  readonly proven: Set<Line>;
  readonly strangers: Set<Line>;
  /** Turns of proven ones since the last one of a stranger. */
  provenInARow: number;
  places: number;
}

interface State {
  readonly limits: TurnLimits;
  readonly lines: Map<string, Line>;
  readonly groups: Map<string, Group>;
  /** Groups with a line whose turn may come, in the order of their turns. */
  readonly order: Set<Group>;
  /** Lines that a question waits in. */
  readonly waitsIn: Map<string, Set<Line>>;
  /** Questions under way, with the line in whose turn each was asked. */
  readonly underWay: Map<string, Line>;
  places: number;
}

// So many turns of a group go to proven askers before a stranger has one: nobody with one good token keeps strangers out.
const provenBeforeStranger = 3;

/** Without questions. `random` decides who gives way among equals, so that a flood of newcomers is no better than the rest. */
export function createQuestionTurns(limits: TurnLimits, random: Random): QuestionTurns {
  const state: State = {
    ...{ limits, lines: new Map(), groups: new Map(), order: new Set(), waitsIn: new Map(), underWay: new Map() },
    places: 0,
  };
  return {
    wait: (asker, key, renewal = false) => wait(state, { asker, key, renewal, random }),
    leave: ({ key, askerId }) => {
      const line = state.lines.get(askerId);
      if (line !== undefined) takeOut(state, line, key);
    },
    next: () => next(state),
    done: (key) => {
      const line = state.underWay.get(key);
      if (line === undefined) return;
      state.underWay.delete(key);
      line.underWay--;
      settle(state, line);
    },
    count: () => {
      const { underWay, places, lines, groups } = state;
      return { underWay: underWay.size, places, lines: lines.size, groups: groups.size };
    },
  };
}

interface Wish {
  readonly asker: QuestionSource;
  readonly key: string;
  readonly renewal: boolean;
  readonly random: Random;
}

function wait(state: State, { asker, key, renewal, random }: Wish): readonly WaitingQuestion[] {
  const { limits, underWay } = state;
  const line = lineOf(state, asker);
  const refused: WaitingQuestion[] = [];
  if (underWay.has(key) || line.keys.includes(key)) {
    settle(state, line);
    return refused;
  }
  const giveUp = (from: Line, lost: string): void => {
    refused.push({ key: lost, askerId: from.id });
    takeOut(state, from, lost);
  };
  const most = line.proven ? limits.waitingEach.proven : limits.waitingEach.stranger;
  putIn(state, line, { key, renewal });
  if (line.keys.length > most) giveUp(line, newestOf(line));
  while (state.places > limits.waiting) {
    const crowded = whoGivesWay(state.groups.values(), { newcomer: line, random });
    giveUp(crowded, newestOf(crowded));
  }
  return refused;
}

function lineOf(state: State, { id, group: name, proven }: QuestionSource): Line {
  let line = state.lines.get(id);
  if (line === undefined) {
    let group = state.groups.get(name);
    if (group === undefined) {
      group = { name, lines: new Set(), proven: new Set(), strangers: new Set(), provenInARow: 0, places: 0 };
      state.groups.set(name, group);
    }
    line = { id, group, proven, keys: [], renewals: 0, underWay: 0 };
    group.lines.add(line);
    state.lines.set(id, line);
  }
  line.proven ||= proven;
  return line;
}

function putIn(state: State, line: Line, { key, renewal }: { readonly key: string; readonly renewal: boolean }): void {
  if (renewal) line.keys.splice(line.renewals++, 0, key);
  else line.keys.push(key);
  line.proven ||= renewal;
  line.group.places++;
  state.places++;
  const lines = state.waitsIn.get(key) ?? new Set();
  state.waitsIn.set(key, lines.add(line));
  settle(state, line);
}

function takeOut(state: State, line: Line, key: string): void {
  const index = line.keys.indexOf(key);
  if (index < 0) return;
  line.keys.splice(index, 1);
  if (index < line.renewals) line.renewals--;
  line.group.places--;
  state.places--;
  const lines = state.waitsIn.get(key);
  lines?.delete(line);
  if (lines?.size === 0) state.waitsIn.delete(key);
  settle(state, line);
}

function newestOf({ keys }: Line): string {
  return keys.at(-1) ?? '';
}

// Puts a line and its group where they belong: in order while their turn may come, at the end when it could not before;
// nowhere when nothing of theirs is left.
function settle({ limits, lines, groups, order }: State, line: Line): void {
  const { group } = line;
  const mayCome = line.keys.length > 0 && line.underWay < limits.underWayEach;
  const [own, other] = line.proven ? [group.proven, group.strangers] : [group.strangers, group.proven];
  other.delete(line);
  if (mayCome) own.add(line);
  else own.delete(line);
  if (group.proven.size + group.strangers.size > 0) order.add(group);
  else order.delete(group);
  if (line.keys.length > 0 || line.underWay > 0) return;
  lines.delete(line.id);
  group.lines.delete(line);
  if (group.lines.size === 0) groups.delete(group.name);
}

function next(state: State): WaitingQuestion | undefined {
  const { limits, order, underWay, waitsIn } = state;
  const [group] = order;
  if (group === undefined || underWay.size >= limits.underWay) return undefined;
  const line = nextLine(group);
  const key = line?.keys[0];
  if (line === undefined || key === undefined) return undefined;
  // To the end, both: they are put in order again as what they ask leaves the lines.
  order.delete(group);
  group.proven.delete(line);
  group.strangers.delete(line);
  line.underWay++;
  underWay.set(key, line);
  for (const waiting of [...(waitsIn.get(key) ?? [])]) takeOut(state, waiting, key);
  return { key, askerId: line.id };
}

function nextLine(group: Group): Line | undefined {
  const [proven] = group.proven;
  const [stranger] = group.strangers;
  const strangersTurn = proven === undefined || group.provenInARow >= provenBeforeStranger;
  if (stranger === undefined || !strangersTurn) {
    group.provenInARow = stranger === undefined ? 0 : group.provenInARow + 1;
    return proven;
  }
  group.provenInARow = 0;
  return stranger;
}
