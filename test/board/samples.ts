import type {
  BoardEvent,
  BoardLane,
  BoardNode,
  BoardPod,
  BoardRestart,
  BoardSession,
} from '#client/board/wire/live.js';

/** Moment of all samples. */
export const sampleAt = '2026-01-31T12:00:00Z';
const at = sampleAt;

/** A pod of an agent that is well, on a node of its own. */
export function samplePod(number: number, changes: Partial<BoardPod> = {}): BoardPod {
  return {
    uid: `pod-${number}`,
    name: `panelet-agent-${number}`,
    node: `node-${number}`,
    component: 'agent',
    owner: 'panelet-agent',
    state: 'Running',
    ready: true,
    retiring: false,
    image: 'registry.example/panelet:0.1.0',
    createdAt: at,
    ...changes,
  };
}

/** A pod of a restart, cordoned and being drained. */
export function sampleLane(number: number, changes: Partial<BoardLane> = {}): BoardLane {
  return {
    uid: `pod-${number}`,
    pod: `panelet-agent-${number}`,
    node: `node-${number}`,
    stage: 'Draining',
    step: 'Draining',
    since: at,
    deadline: '2026-01-31T12:05:00Z',
    sessions: 3,
    holders: [],
    text: 'drains 3 sessions',
    times: { Claimed: at, Warm: at, Draining: at },
    ...changes,
  };
}

/** A restart of ten agents that is under way. */
export function sampleRestart(name: string, changes: Partial<BoardRestart> = {}): BoardRestart {
  return {
    uid: `restart-${name}`,
    name,
    target: 'panelet-agent',
    phase: 'Running',
    reason: 'new image',
    paused: false,
    aborting: false,
    createdAt: at,
    startedAt: at,
    finishedAt: '',
    expectedAt: '2026-01-31T12:09:00Z',
    podsText: '2/10',
    sessionsText: '12 kept',
    forced: 0,
    sentences: ['2 of 10 pods have been restarted'],
    counts: { total: 10, pending: 7, succeeded: 2, failed: 0, retiring: 0 },
    lanes: [sampleLane(3)],
    ...changes,
  };
}

/** An event of such a restart. */
export function sampleEvent(number: number, changes: Partial<BoardEvent> = {}): BoardEvent {
  return {
    uid: `event-${number}`,
    type: 'Normal',
    reason: 'PodDrained',
    text: `panelet-agent-${number} holds no session that would be lost`,
    about: 'PanelRestart/nightly',
    at: new Date(Date.parse(at) + number * 1_000).toISOString(),
    count: 1,
    ...changes,
  };
}

/** A session of the user. */
export function sampleSession(id: string, changes: Partial<BoardSession> = {}): BoardSession {
  return {
    id,
    panel: 'terminal',
    owner: 'jane@example.org',
    attached: true,
    ageMs: 125_000,
    framesIn: 310,
    framesOut: 1_204,
    retiring: false,
    endsAt: '',
    details: {},
    ...changes,
  };
}

/** What an agent that serves says of its node. */
export function sampleNode(number: number, changes: Partial<BoardNode> = {}): BoardNode {
  return {
    node: `node-${number}`,
    version: '0.1.0',
    gate: {
      state: 'SERVING',
      sessions: 1,
      restartRequired: false,
      deadlineMs: 0,
      workers: [
        { panel: 'logs', state: 'SERVING', sessions: 0, retiring: false, message: '' },
        { panel: 'terminal', state: 'SERVING', sessions: 1, retiring: false, message: '' },
      ],
      holders: [],
    },
    panels: [
      { name: 'logs', version: '0.1.0' },
      { name: 'terminal', version: '0.1.0' },
    ],
    sessions: [],
    ...changes,
  };
}
