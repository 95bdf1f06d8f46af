import { beforeEach, expect, test } from '@jest/globals';
import type { WatchRequest } from '#proto/worker/v1/worker.js';
import { NodeAgents } from './node-agents.js';

let watching: WatchRequest[];
let leaving: string | undefined;
let agents: NodeAgents;

const agent = (name: string): WatchRequest => ({
  agentInstance: name,
  pod: `pod-${name}`,
  podUid: `uid-${name}`,
  address: `${name}:7443`,
});
const way = (name: string) => ({ pod: `pod-${name}`, uid: `uid-${name}`, address: `${name}:7443` });

beforeEach(() => {
  watching = [agent('old'), agent('new')];
  leaving = undefined;
  agents = new NodeAgents({
    watches: {
      get agents() {
        return watching;
      },
    },
    gate: {
      get state() {
        return leaving === undefined ? {} : { plan: { leavingAgent: leaving } };
      },
    },
  });
});

test('clients of an agent that goes with the drain go on with the latest that stays', () => {
  expect(agents.besideLeaving('old')).toBeUndefined();
  leaving = 'old';
  expect(agents.besideLeaving('old')).toEqual(way('new'));
  // It does not go, whoever else does.
  expect(agents.besideLeaving('new')).toBeUndefined();
  expect(agents.besideLeaving(undefined)).toBeUndefined();
  watching = [agent('old')];
  expect(agents.besideLeaving('old')).toBeUndefined();
});

test('nobody is sent to one that goes', () => {
  expect(agents.staying()).toEqual(way('new'));
  agents.leave('new');
  expect(agents.staying()).toEqual(way('old'));
  leaving = 'old';
  expect(agents.staying()).toBeUndefined();
  watching.push(agent('third'));
  expect(agents.staying()).toEqual(way('third'));
});

test('an agent that names itself not is no agent that goes', () => {
  watching = [agent('old'), agent('')];
  expect(agents.besideLeaving('')).toBeUndefined();
});
