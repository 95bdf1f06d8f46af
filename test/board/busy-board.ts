import type { BoardPod } from '#client/board/wire/live.js';
import type { FakeBoard } from './fake-board.js';
import { sampleEvent, sampleLane, sampleNode, samplePod, sampleRestart, sampleSession } from './samples.js';

/** A host of a node, beside its agent. */
export function sampleHost(number: number, changes: Partial<BoardPod> = {}): BoardPod {
  const names = { uid: `host-${number}`, name: `panelet-host-${number}`, owner: 'panelet-host' };
  return samplePod(number, { ...names, component: 'host', ...changes });
}

/** Moments before now, as a cluster writes them. */
export function ago(seconds: number): string {
  return new Date(Date.now() - seconds * 1_000).toISOString();
}

/** Says all that there is of a cluster in the middle of a restart. */
export function sayBusyBoard(board: FakeBoard): void {
  const numbers = Array.from({ length: 24 }, (_, index) => index + 1);
  const lanes = [
    sampleLane(3, {
      since: ago(14),
      deadline: ago(-280),
      text: 'moves 3 sessions to the replacement',
      times: { Claimed: ago(40), Warm: ago(22), Draining: ago(14) },
    }),
    sampleLane(4, {
      stage: 'Warm',
      step: 'Warm',
      since: ago(8),
      sessions: 2,
      text: 'its replacement is starting beside it',
      times: { Claimed: ago(30), Warm: ago(8) },
    }),
    sampleLane(5, {
      stage: 'Failed',
      step: 'Drained',
      since: ago(70),
      sessions: 1,
      holders: ['terminal: upload'],
      text: 'a session is busy, and the policy is Abort',
      times: { Claimed: ago(120), Warm: ago(100), Draining: ago(90) },
    }),
    sampleLane(6, {
      stage: 'Claimed',
      step: 'Claimed',
      since: ago(2),
      sessions: 0,
      text: '',
      times: { Claimed: ago(2) },
    }),
    sampleLane(7, {
      stage: 'Gone',
      step: 'Killed',
      since: ago(1),
      sessions: 4,
      text: 'waits for its replacement to be ready',
      times: { Claimed: ago(60), Warm: ago(45), Draining: ago(20), Gone: ago(1) },
    }),
  ];
  board.say(
    { kind: 'cluster', cluster: { context: 'kind-staging', namespace: 'panelet-system', version: '0.1.0' } },
    {
      kind: 'pods',
      changed: numbers.flatMap((number) => [
        samplePod(number, { ready: number !== 9, image: `registry.example/panelet:${number < 3 ? '0.2.0' : '0.1.0'}` }),
        sampleHost(number, number === 11 ? { retiring: true } : {}),
        ...(number === 11 ? [sampleHost(11, { uid: 'host-11-new', name: 'panelet-host-11-new' })] : []),
      ]),
      gone: [],
    },
    {
      kind: 'targets',
      targets: [
        { name: 'panelet-agent', component: 'agent' },
        { name: 'panelet-host', component: 'host' },
      ],
    },
    {
      kind: 'restarts',
      changed: [
        sampleRestart('panelet-agent-7f2c', {
          createdAt: ago(180),
          startedAt: ago(170),
          expectedAt: ago(-420),
          sentences: ['2 of 24 pods have been restarted, 4 are under way', 'one pod was given back: a session is busy'],
          sessionsText: '31 kept, 6 moved',
          counts: { total: 24, pending: 17, succeeded: 2, failed: 1, retiring: 0 },
          lanes,
        }),
        sampleRestart('panelet-host-51ab', {
          target: 'panelet-host',
          reason: '',
          phase: 'Succeeded',
          createdAt: ago(9_000),
          startedAt: ago(8_990),
          finishedAt: ago(8_400),
          counts: { total: 24, pending: 0, succeeded: 24, failed: 0, retiring: 1 },
          sentences: ['24 pods have been restarted, one old one stays for its shells'],
          lanes: [],
        }),
      ],
      gone: [],
    },
    {
      kind: 'events',
      events: numbers.map((number) =>
        sampleEvent(number, {
          at: ago(number * 9),
          ...(number % 7 === 0 ? { type: 'Warning', reason: 'SessionBusy', count: 3 } : {}),
        }),
      ),
    },
    ...numbers.slice(0, 8).map((number) => ({
      kind: 'node' as const,
      node: sampleNode(number, {
        sessions:
          number > 1
            ? []
            : [sampleSession('a1b2c3d4e5f6'), sampleSession('ffeeddccbbaa', { panel: 'logs', attached: false })],
      }),
    })),
    {
      kind: 'trouble',
      of: 'events',
      text: 'you may not watch events in kube-system; those of panelet-system are shown',
    },
  );
}
