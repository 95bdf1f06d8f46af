import { join } from 'node:path';
import type { Instances } from '#common/files/instances.js';
import { joinInstances, type MeetingPlace } from '#common/files/join-instances.js';
import { takeDirectory, type TakeOptions } from '#common/files/take-directory.js';
import type { AgentConfig } from '../config/config.js';
import { podDirectory, podLock } from '../workers/pod-directory.js';
import { sharesState } from '../workers/socket-places.js';
import { endWaiting, sayWaiting } from './waiting-agents.js';

/** What joining the agents of a node needs. */
export interface JoinAgentsDeps extends Omit<TakeOptions, 'waitMs'> {
  /** Of this agent's pod; empty where it is in none. */
  readonly podUid: string;
}

// A replacement pod may start while the agent before it still drains.
const lockWaitMs = 60_000;

/** The agents of a node, with this one among them. */
export interface JoinedAgents {
  readonly agents: Instances;
  /** Leaves them, and the place of the pod's agent. */
  readonly leave: () => Promise<void>;
}

/**
 * Takes the place of a pod's agent, and joins the agents of other pods that have the run directory: two of them serve beside each other while
 * one replaces the other. One that is in no pod has the run directory to itself. So has one with a panel whose worker does not share its state, being
 * run by something else or a program of one's own that does not say so (`beside`): the next pod's worker takes the state once it is free. Agents of the
 * release before, which know one lock, are neither overlapped nor let in. While one waits for those of other pods, they can tell (`readWaiting`).
 * @throws ALREADY_RUNNING when another one has the directory to the end of the wait; STATE_DIR_UNUSABLE; the signal's reason
 */
export async function joinAgents(
  config: Pick<AgentConfig, 'runDir' | 'panels'>,
  deps: JoinAgentsDeps,
): Promise<JoinedAgents> {
  const { podUid } = deps;
  const directory = podDirectory(config.runDir, podUid);
  const waiting = { ...deps, waitMs: directory === undefined ? 0 : lockWaitMs };
  const own = directory === undefined ? undefined : await takeDirectory(podLock(directory), waiting);
  const alone = config.panels.find((panel) => panel.target !== 'host' && !sharesState(panel));
  const isBeside = own !== undefined && alone === undefined;
  let said: Promise<void> | undefined;
  const onWait = (): void => {
    if (directory === undefined || own === undefined) return;
    const message = waitText(alone?.name);
    said ??= sayWaiting(directory, { podUid, lock: own.number, message }).catch((err: unknown) => {
      deps.log.warn({ err }, 'The other agents of the node cannot be told that this one waits');
    });
  };
  try {
    const place = meetingPlace(config.runDir);
    const joining = joinInstances(place, { ...waiting, isBeside, keepsOthersOut: !isBeside, onWait });
    const agents = await joining.finally(async () => {
      await said;
      if (said !== undefined && directory !== undefined) await endWaiting(directory);
    });
    return {
      agents,
      leave: async () => {
        await agents.release();
        await own?.release();
      },
    };
  } catch (error) {
    await own?.release();
    throw error;
  }
}

/** Why it waits: a panel whose worker does not share its state keeps it from starting beside another agent, or that one from letting it. */
function waitText(panel: string | undefined): string {
  return panel === undefined
    ? 'The agent before it shares the node with no other.'
    : `The worker of its panel "${panel}" does not say that it shares its state (beside: true).`;
}

function meetingPlace(runDir: string): MeetingPlace {
  return {
    directory: runDir,
    instances: join(runDir, 'agents'),
    lock: join(runDir, 'agent-lock'),
    advice: 'Stop them first, or give this one another runDir.',
  };
}
