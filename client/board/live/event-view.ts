import type { BoardEvent } from '../wire/live.js';
import type { ListedObject } from './follow-list.js';

/** An event of `v1`, as the API server has it. */
export interface EventObject extends ListedObject {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
  readonly count?: number;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string } | null;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly metadata: { readonly uid: string; readonly creationTimestamp?: string };
}

/** Of a text, in characters: the API server takes a mebibyte, and a page is sent 200 events at once. */
const longestText = 1_024;

function shortened(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}…`;
}

/** What is shown of an event. */
export function eventView(event: EventObject): BoardEvent {
  const { involvedObject, series, metadata } = event;
  return {
    uid: metadata.uid,
    type: event.type === 'Warning' ? 'Warning' : 'Normal',
    reason: shortened(event.reason ?? ''),
    text: shortened(event.message ?? ''),
    about: shortened(`${involvedObject?.kind ?? '?'}/${involvedObject?.name ?? '?'}`),
    at: series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? metadata.creationTimestamp ?? '',
    count: series?.count ?? event.count ?? 1,
  };
}
