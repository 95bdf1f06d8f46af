import { leases } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';
import { controllerName } from '#test/support/controller-writes.js';
import { isReady } from './cluster-watch.js';
import { runProgram } from './run-program.js';
import type { World } from './world.js';

/** Who leads, and for how long without a renewal. */
export interface Leadership {
  readonly pod: Pod | undefined;
  readonly leaseSeconds: number;
}

/** Pods of controllers that nobody has deleted. */
export function controllerPods(world: World): readonly Pod[] {
  return world.watch
    .pods()
    .filter(
      ({ metadata }) =>
        metadata.labels?.['panelet.dev/component'] === 'controller' && metadata.deletionTimestamp === undefined,
    );
}

/** Pods of controllers that are ready. */
export function readyControllers(world: World): readonly Pod[] {
  return controllerPods(world).filter(isReady);
}

/** Asks the lease. @throws PaneletError when the API server does not answer. */
export async function leadership(world: World): Promise<Leadership> {
  const { namespace } = world.env;
  const { spec } = await world.watch.api.get(leases, { namespace, name: controllerName });
  const holder = spec?.holderIdentity ?? '';
  const pod = controllerPods(world).find(({ metadata }) => holder.startsWith(metadata.name));
  return { pod, leaseSeconds: spec?.leaseDurationSeconds ?? 15 };
}

/** Removes a pod whose process was killed, so that another one takes its place at once and not after a back-off. */
export async function replacePod(world: World, name: string): Promise<void> {
  const { kubectl, kubeconfig, namespace } = world.env;
  const words = ['delete', 'pod', name, '--grace-period=0', '--force', '--wait=false', '--ignore-not-found'];
  await runProgram(kubectl, ['--kubeconfig', kubeconfig, '-n', namespace, ...words]);
}
