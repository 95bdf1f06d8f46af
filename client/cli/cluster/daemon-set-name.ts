import { PaneletError } from '#common/errors/errors.js';

/** The name of the DaemonSet that a target names: `daemonset/panelet-agent`, or its name alone. @throws CONFIG_INVALID */
export function daemonSetName(target: string): string {
  const match = /^(?:(?:daemonset|daemonsets|ds)(?:\.apps)?\/)?([a-z0-9][a-z0-9.-]*)$/.exec(target);
  if (match?.[1] !== undefined) return match[1];
  throw new PaneletError(
    'CONFIG_INVALID',
    `"${target}" is not a DaemonSet. Give a target as daemonset/panelet-agent or panelet-host.`,
  );
}
