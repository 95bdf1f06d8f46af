import { containersOf, type Container, type PodSpec } from './chart.js';

/** A level of the Pod Security Standards. */
export type PodSecurityLevel = 'restricted' | 'baseline' | 'privileged';

/** Capabilities that the level "baseline" lets a container add; kubernetes.io/docs/concepts/security/pod-security-standards. */
const baselineCapabilities = [
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP'],
  ...['SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
];
const restrictedVolumes = [
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'],
];

/** Why a pod does not meet the level "baseline". */
export function baselineFaults(pod: PodSpec): string[] {
  const faults: string[] = [];
  if (pod.hostNetwork === true || pod.hostPID === true || pod.hostIPC === true) faults.push('host namespaces');
  if (pod.volumes?.some((volume) => 'hostPath' in volume) === true) faults.push('hostPath volumes');
  for (const { name, securityContext, ports } of containersOf(pod)) {
    if (securityContext?.privileged === true) faults.push(`${name}: privileged`);
    const added = (securityContext?.capabilities?.add ?? []).filter((one) => !baselineCapabilities.includes(one));
    if (added.length > 0) faults.push(`${name}: capabilities ${added.join(', ')}`);
    if (ports?.some(({ hostPort }) => (hostPort ?? 0) > 0) === true) faults.push(`${name}: host ports`);
    if (securityContext?.seccompProfile?.type === 'Unconfined') faults.push(`${name}: no seccomp profile`);
  }
  return faults;
}

/** Why a pod does not meet the level "restricted", beyond the faults of "baseline". */
export function restrictedFaults(pod: PodSpec): string[] {
  const others = (pod.volumes ?? []).flatMap((volume) =>
    Object.keys(volume).filter((key) => key !== 'name' && key !== 'hostPath' && !restrictedVolumes.includes(key)),
  );
  const faults = others.map((kind) => `${kind} volumes`);
  for (const container of containersOf(pod)) faults.push(...containerFaults(container, pod));
  return faults;
}

function containerFaults({ name, securityContext: own = {} }: Container, pod: PodSpec): string[] {
  const faults: string[] = [];
  if (own.allowPrivilegeEscalation !== false) faults.push(`${name}: privilege escalation`);
  if ((own.runAsNonRoot ?? pod.securityContext?.runAsNonRoot) !== true) faults.push(`${name}: may run as root`);
  if ((own.runAsUser ?? pod.securityContext?.runAsUser) === 0) faults.push(`${name}: runs as root`);
  const seccomp = (own.seccompProfile ?? pod.securityContext?.seccompProfile)?.type;
  if (seccomp !== 'RuntimeDefault' && seccomp !== 'Localhost') faults.push(`${name}: seccomp profile`);
  if (own.capabilities?.drop?.includes('ALL') !== true) faults.push(`${name}: keeps capabilities`);
  const added = (own.capabilities?.add ?? []).filter((one) => one !== 'NET_BIND_SERVICE');
  if (added.length > 0) faults.push(`${name}: adds ${added.join(', ')}`);
  return faults;
}

/** The strictest level that a pod meets. */
export function podSecurityLevel(pod: PodSpec): PodSecurityLevel {
  if (baselineFaults(pod).length > 0) return 'privileged';
  return restrictedFaults(pod).length > 0 ? 'baseline' : 'restricted';
}
