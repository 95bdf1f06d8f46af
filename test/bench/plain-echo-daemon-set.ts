import type { StoredDaemonSet } from '#devcluster/daemonset/daemon-set.js';
import { plainEchoPort } from './plain-echo.js';

/** A DaemonSet of the plain echo; it names the program as its command. */
export function plainEchoDaemonSet({ name, namespace }: { name: string; namespace: string }): StoredDaemonSet {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace, labels },
    spec: {
      selector: { matchLabels: labels },
      updateStrategy: { type: 'OnDelete' },
      template: {
        metadata: { labels },
        spec: {
          // Its clients know the address of the node.
          hostNetwork: true,
          terminationGracePeriodSeconds: 10,
          containers: [
            {
              name: 'echo',
              image: 'bench/plain-echo',
              command: [name],
              env: [{ name: 'PANELET_POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
              ports: [{ containerPort: plainEchoPort }],
              readinessProbe: { tcpSocket: { port: plainEchoPort }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  };
}
