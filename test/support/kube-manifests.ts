/** A DaemonSet as the chart would make it, YAML. */
export const agentDaemonSet = `
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: panelet-agent
  labels: { app.kubernetes.io/name: panelet-agent }
spec:
  selector: { matchLabels: { app.kubernetes.io/name: panelet-agent } }
  updateStrategy: { type: OnDelete }
  template:
    metadata: { labels: { app.kubernetes.io/name: panelet-agent } }
    spec:
      containers:
        - name: agent
          image: panelet:dev
          command: [panelet-agent, --config, $(PANELET_CONFIG)]
          ports: [{ name: gate, containerPort: 7443 }]
          env:
            - name: PANELET_NODE_NAME
              valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
`;

/** A pod on a node, YAML. */
export const webPod = `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  nodeName: node-a
  containers: [{ name: server, image: nginx }]
`;

/** A restart, YAML. */
export const restart = `
apiVersion: panelet.dev/v1alpha1
kind: PanelRestart
metadata: { name: first }
spec: { targetRef: { name: panelet-agent }, reason: a new version }
`;

/** A node with an address and a kubelet, JSON. */
export const nodeA = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a', labels: { 'kubernetes.io/hostname': 'node-a' } },
  status: {
    addresses: [{ type: 'InternalIP', address: '127.1.1.1' }],
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: 'ready',
        lastHeartbeatTime: '2026-01-01T00:00:00Z',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
    nodeInfo: {
      kubeletVersion: 'v1.37.2',
      osImage: 'Debian',
      kernelVersion: '6.1',
      containerRuntimeVersion: 'panelet://1',
      architecture: 'amd64',
    },
  },
});
