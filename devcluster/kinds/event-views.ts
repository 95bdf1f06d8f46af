import { isFields } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';

// [core v1, events.k8s.io/v1]: the same event under two names. Source: pkg/apis/events/v1/conversion.go of Kubernetes.
const renamed = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
] as const;

function rename(object: AnyObject, from: 0 | 1, apiVersion: string): AnyObject {
  const names = new Map<string, string>(renamed.map((pair) => [pair[from], pair[1 - from] ?? '']));
  const fields = Object.entries(object).map(([field, value]) => [names.get(field) ?? field, value] as const);
  return { ...Object.fromEntries(fields), apiVersion, kind: 'Event', metadata: object.metadata };
}

/** A stored event as events.k8s.io/v1 shows it. */
export function toEventsView(event: AnyObject): AnyObject {
  const shown = rename(event, 0, 'events.k8s.io/v1');
  for (const field of ['reportingController', 'reportingInstance']) {
    if (shown[field] === '') Reflect.deleteProperty(shown, field);
  }
  return shown;
}

/** An event written as events.k8s.io/v1, as it is stored. */
export function fromEventsView(event: AnyObject): AnyObject {
  return rename(event, 1, 'v1');
}

/** The empty fields that the real server shows in an event. */
export function applyEventDefaults(event: AnyObject): void {
  if (!isFields(event['involvedObject'])) event['involvedObject'] = {};
  if (!isFields(event['source'])) event['source'] = {};
  for (const time of ['eventTime', 'firstTimestamp', 'lastTimestamp']) event[time] ??= null;
  event['reportingComponent'] ??= '';
  event['reportingInstance'] ??= '';
}
