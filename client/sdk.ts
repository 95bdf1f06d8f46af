/** The client SDK of Panelet: sessions that survive connections, agents and planned restarts. */
export { createPaneletClient, type PaneletClient } from './panelet-client.js';
export type { NodePanels, PanelInfo, SessionInfo } from './calls/node-views.js';
export { findSession, type FindSessionOptions } from './find-session.js';
export type {
  AddressOptions,
  AddressQuery,
  OpenOptions,
  PaneletClientOptions,
  ResolvedAddress,
  ResumeOptions,
  TokenQuery,
} from './connect/client-options.js';
export type { AttachTimes } from './connect/attach-times.js';
export type { TlsOption } from './connect/endpoint-address.js';
export type { LivenessOptions } from './connect/liveness.js';
export type { ReattachOptions } from './connect/reattach-policy.js';
export type {
  EndedBy,
  PaneletSession,
  ProgramExit,
  ResumeState,
  SessionEnd,
  SessionEnding,
  SessionItem,
  SessionPhase,
  SessionStats,
} from './session/panelet-session.js';
export type { ReadChannel, WriteChannel } from './session/channels.js';
export type { Fate, SessionEventMap, SessionEventName } from './session/session-events.js';
export type { Loss, LostRange } from '#session/client/client-link.js';
export { nodeServerName } from '#common/node-server-name.js';
export { errorCodes, isPaneletError, PaneletError, type ErrorCode, type ErrorFacts } from '#common/errors/errors.js';
export type { ClientLog } from './connect/client-log.js';
export type { Clock, Timer } from '#common/time/clock.js';
export type { Random } from '#common/random.js';
