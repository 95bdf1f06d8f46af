import { PaneletError } from '#common/errors/errors.js';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const panelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** True for a UUID in lower case; only such a session id becomes part of a path. */
export function isSessionId(sessionId: string): boolean {
  return uuidPattern.test(sessionId);
}

/** @throws FRAME_INVALID when it is not a UUID in lower case. */
export function requireSessionId(sessionId: string): string {
  if (isSessionId(sessionId)) return sessionId;
  throw new PaneletError(
    'FRAME_INVALID',
    `The session id ${JSON.stringify(sessionId.slice(0, 64))} is not a UUID in lower case. Choose a random UUID.`,
  );
}

/** @throws CONFIG_INVALID when it is not a DNS label; only such a panel name becomes part of a path. */
export function requirePanelName(panel: string): string {
  if (panelPattern.test(panel)) return panel;
  throw new PaneletError(
    'CONFIG_INVALID',
    `The panel name ${JSON.stringify(panel.slice(0, 64))} is not valid: use a-z, 0-9 and "-", at most 63 characters.`,
  );
}
