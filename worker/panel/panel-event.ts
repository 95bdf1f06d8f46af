import type { Event } from '#proto/session/v1/session.js';

/** An event that only the panel and its clients know; the content is JSON. */
export function panelEvent(name: string, content: unknown): Event {
  return { kind: { $case: 'panel', value: { name, payload: Buffer.from(JSON.stringify(content)) } } };
}

/** The JSON content of a panel event; an empty object when it is empty or not JSON. */
export function panelEventContent(payload: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const content: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
    return typeof content === 'object' && content !== null ? { ...content } : {};
  } catch {
    return {};
  }
}
