import type { Pod } from '#kube/objects.js';
import { controllerPods, leadership, replacePod } from '#test/e2e/support/leader.js';
import { killAll, processesOf, type Program } from '#test/e2e/support/machine-kill.js';
import type { Component } from '#test/e2e/support/cluster-watch.js';
import type { World } from '#test/e2e/support/world.js';
import type { Disks } from './disks.js';
import type { FaultKind } from './fault-kinds.js';

/** What is to be broken. */
export interface Breakage {
  readonly kind: FaultKind;
  readonly node: string;
  /** How long an API server stays away; everything else is healed by whoever broke it. */
  readonly holdMs: number;
}

/** Heals what was broken. */
export type Heal = () => Promise<void>;

/** Breaks things. */
export interface Breaker {
  /** @returns undefined when there is nothing of the kind to break now. */
  make(breakage: Breakage): Promise<Heal | undefined>;
}

const nothingToHeal: Heal = () => Promise.resolve();

/** A breaker of an own cluster. */
export function createBreaker(world: World, disks: Disks): Breaker {
  let lastLeader: Pod | undefined;
  const kill = (program: Program, pod: Pod | undefined): Heal | undefined => {
    const killed = pod === undefined ? 0 : killAll(processesOf(program, pod.metadata.uid ?? ''));
    return killed > 0 ? nothingToHeal : undefined;
  };
  const killOn = (component: Component, program: Program, node: string): Heal | undefined =>
    kill(program, world.pod(component, node));
  const killLeader = async (): Promise<Heal | undefined> => {
    // While the API server is away, it is still the one that led before.
    lastLeader = await leadership(world).then(
      ({ pod }) => pod,
      () => lastLeader,
    );
    const leader = controllerPods(world).find(({ metadata }) => metadata.uid === lastLeader?.metadata.uid);
    const heal = kill('controller', leader);
    if (heal !== undefined) void replacePod(world, leader?.metadata.name ?? '').catch(() => undefined);
    return heal;
  };
  const cut = async (node: string): Promise<Heal | undefined> => {
    const address = world.pod('agent', node)?.status?.podIP;
    if (address === undefined) return undefined;
    await world.cluster('cut', address);
    return () => world.cluster('heal', address).then(() => undefined);
  };
  return {
    make: async ({ kind, node, holdMs }) => {
      switch (kind) {
        case 'agent':
          return killOn('agent', 'agent', node);
        case 'worker':
          return killOn('agent', 'echo', node);
        case 'host':
          return killOn('host', 'terminal', node);
        case 'controller':
          return killLeader();
        case 'node':
          await world.cluster('stop-node', node);
          return () => world.cluster('start-node', node).then(() => undefined);
        case 'api-server': {
          const away = world.cluster('restart-apiserver', (holdMs / 1000).toFixed(1));
          away.catch(() => undefined);
          return () => away.then(() => undefined);
        }
        case 'network':
          return cut(node);
        case 'disk':
          return disks.fill(node);
      }
    },
  };
}
