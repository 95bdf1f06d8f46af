import { join } from 'node:path';
import type { StoredDaemonSet } from '../daemonset/daemon-set.js';
import type { StoredObject } from '../store/kube-object.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import { devIdentities } from './identities.js';

/** Namespace of Panelet. */
export const paneletNamespace = 'panelet-system';

/** Name of the agents' DaemonSet. */
export const agentDaemonSet = 'panelet-agent';

/** Port of every agent, for clients and for the gate. */
export const agentPort = 7443;

/** Port of every agent for the controller alone. */
export const gatePort = 7445;

const labels = {
  'app.kubernetes.io/name': 'panelet-agent',
  'app.kubernetes.io/part-of': 'panelet',
  // What programs find agents by, here as in the chart.
  'panelet.dev/component': 'agent',
};

/** Without this label a pod is no longer its DaemonSet's, which makes another one beside it; all else goes on finding it. */
const detachLabel = 'panelet.dev/in-daemonset';
const selected = { 'app.kubernetes.io/name': 'panelet-agent', [detachLabel]: 'true' };

/** As the chart has it, with the format that the workers of this version hand sessions over in. */
const handoverFormat = '1';

function fieldVariable(
  name: string,
  fieldPath: string,
): { name: string; valueFrom: { fieldRef: { fieldPath: string } } } {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

/** The agents' DaemonSet, as the Helm chart makes it but for what only containers need. */
export function agentDaemonSetObject(directory: string): StoredDaemonSet {
  const config = join(directory, 'nodes', '$(PANELET_NODE_NAME)', 'agent.yaml');
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: {
      name: agentDaemonSet,
      namespace: paneletNamespace,
      labels,
      // A changed template, also that of `kubectl rollout restart`, is rolled out by draining, as the chart has it.
      annotations: { 'panelet.dev/rollout': 'managed', 'panelet.dev/detach-label': detachLabel },
    },
    spec: {
      selector: { matchLabels: selected },
      // Pods are deleted by the controller only, after their sessions are safe.
      updateStrategy: { type: 'OnDelete' },
      revisionHistoryLimit: 10,
      template: {
        // Pods are processes of this machine: the CLI goes to their addresses, there is no port-forward.
        metadata: {
          labels: { ...labels, ...selected },
          annotations: { 'panelet.dev/via': 'address', 'panelet.dev/handover': handoverFormat },
        },
        spec: {
          restartPolicy: 'Always',
          terminationGracePeriodSeconds: 30,
          containers: [
            {
              name: 'agent',
              image: 'panelet/panelet:dev',
              command: ['panelet-agent', '--config', '$(PANELET_CONFIG)'],
              env: [
                fieldVariable('PANELET_NODE_NAME', 'spec.nodeName'),
                fieldVariable('PANELET_POD_UID', 'metadata.uid'),
                fieldVariable('PANELET_POD_IP', 'status.podIP'),
                { name: 'PANELET_CONFIG', value: config },
              ],
              ports: [
                { name: 'gate', containerPort: agentPort, protocol: 'TCP' },
                { name: 'gate-control', containerPort: gatePort, protocol: 'TCP' },
              ],
              // Where no client takes the room: an agent that has many is ready all the same.
              readinessProbe: { grpc: { port: gatePort }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 3 },
            },
          ],
        },
      },
    },
  };
}

async function ensure(store: ObjectStore, resource: string, object: StoredObject): Promise<void> {
  try {
    await store.create(resource, object);
  } catch (error) {
    if (!isStatusError(error, 'AlreadyExists')) throw error;
  }
}

/** Makes what a dev cluster starts with; what is there already is left alone. */
export async function createInitialObjects(store: ObjectStore, directory: string): Promise<void> {
  await ensure(store, 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: paneletNamespace } });
  for (const { name } of devIdentities) {
    const metadata = { name, namespace: paneletNamespace };
    await ensure(store, 'serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  }
  await ensure(store, 'daemonsets', agentDaemonSetObject(directory));
}
