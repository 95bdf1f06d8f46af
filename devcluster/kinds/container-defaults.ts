import { listAt, valueAt } from '../store/json-copy.js';

type Fields = Record<string, unknown>;

/** Sets a field that is not set. */
export function setDefault(fields: Fields, field: string, value: unknown): void {
  if (fields[field] === undefined) fields[field] = value;
}

/** When the kubelet pulls an image that says nothing about it: always for what may move, else when it is missing. */
export function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  const last = image.split('/').at(-1) ?? '';
  if (last.includes('@')) return 'IfNotPresent';
  const tag = last.split(':')[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultHandler(handler: Fields): void {
  const http = handler['httpGet'];
  if (typeof http === 'object' && http !== null) {
    setDefault(http as Fields, 'path', '/');
    setDefault(http as Fields, 'scheme', 'HTTP');
  }
  const grpc = handler['grpc'];
  if (typeof grpc === 'object' && grpc !== null) setDefault(grpc as Fields, 'service', '');
}

function defaultProbe(probe: unknown): void {
  if (typeof probe !== 'object' || probe === null) return;
  const fields = probe as Fields;
  defaultHandler(fields);
  setDefault(fields, 'timeoutSeconds', 1);
  setDefault(fields, 'periodSeconds', 10);
  setDefault(fields, 'successThreshold', 1);
  setDefault(fields, 'failureThreshold', 3);
}

/** Fills in what the API server fills in for a container, in place. */
export function applyContainerDefaults(container: Fields, hostNetwork: boolean): void {
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  setDefault(container, 'resources', {});
  if (typeof container['image'] === 'string' && container['image'] !== '') {
    setDefault(container, 'imagePullPolicy', pullPolicyOf(container['image']));
  }
  for (const port of listAt(container, 'ports')) {
    setDefault(port, 'protocol', 'TCP');
    if (hostNetwork) setDefault(port, 'hostPort', port['containerPort']);
  }
  for (const variable of listAt(container, 'env')) {
    const fieldRef = valueAt(variable, 'valueFrom', 'fieldRef');
    if (typeof fieldRef === 'object' && fieldRef !== null) setDefault(fieldRef as Fields, 'apiVersion', 'v1');
  }
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) defaultProbe(container[probe]);
  for (const hook of ['postStart', 'preStop']) {
    const handler = valueAt(container, 'lifecycle', hook);
    if (typeof handler === 'object' && handler !== null) defaultHandler(handler as Fields);
  }
}
