import { PaneletError } from '#common/errors/errors.js';
import { expandReferences } from './expand.js';
import type { Container, EnvVar, StoredPod } from './pod.js';

/** Addresses and names that the launcher knows before the pod's status says so. */
export interface PodPlace {
  readonly nodeName: string;
  readonly podIp: string;
  readonly hostIp: string;
}

function mapField(pod: StoredPod, path: string): string | undefined {
  const match = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const map = match[1] === 'labels' ? pod.metadata.labels : pod.metadata.annotations;
  return map?.[match[2]] ?? '';
}

function fieldValue(pod: StoredPod, place: PodPlace, path: string): string {
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace ?? '',
    'metadata.uid': pod.metadata.uid ?? '',
    'spec.nodeName': place.nodeName,
    'spec.serviceAccountName': pod.spec.serviceAccountName ?? 'default',
    'status.podIP': place.podIp,
    'status.podIPs': place.podIp,
    'status.hostIP': place.hostIp,
    'status.hostIPs': place.hostIp,
  };
  const value = fields[path] ?? mapField(pod, path);
  if (value !== undefined) return value;
  throw new PaneletError('CONFIG_INVALID', `The field path ${path} is not one that a container can refer to.`);
}

function variableValue(variable: EnvVar, pod: StoredPod, place: PodPlace): string | undefined {
  if (variable.valueFrom === undefined) return undefined;
  const path = variable.valueFrom.fieldRef?.fieldPath;
  if (path !== undefined) return fieldValue(pod, place, path);
  const source = Object.keys(variable.valueFrom)[0] ?? 'nothing';
  throw new PaneletError(
    'CONFIG_INVALID',
    `Variable ${variable.name} takes its value from ${source}; the dev cluster knows fieldRef only.`,
  );
}

/**
 * Variables of a container, in the order of its spec, so that a value may refer to the ones before it.
 * @throws CONFIG_INVALID for a source that the dev cluster does not have.
 */
export function containerEnvironment(container: Container, pod: StoredPod, place: PodPlace): Record<string, string> {
  const values: Record<string, string> = {};
  for (const variable of container.env ?? []) {
    values[variable.name] = variableValue(variable, pod, place) ?? expandReferences(variable.value ?? '', values);
  }
  return values;
}

/** Command line of a container: command, then args, with references expanded. */
export function containerCommand(container: Container, environment: Readonly<Record<string, string>>): string[] {
  return [...(container.command ?? []), ...(container.args ?? [])].map((word) => expandReferences(word, environment));
}
