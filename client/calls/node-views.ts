import { durationToMs } from '#common/time/duration.js';
import { timestampToMs } from '#common/time/timestamp.js';
import type { ListPanelsResponse, Panel, Session } from '#proto/session/v1/session.js';

/** One kind of session that a node offers. */
export interface PanelInfo {
  readonly name: string;
  /** Its worker is up and takes new sessions. */
  readonly serving: boolean;
  /** Sessions that live there now, of everybody. */
  readonly sessions: number;
  /** Its sessions can be checkpointed. */
  readonly checkpointable: boolean;
  /** What a person should know, for example why it is not serving. */
  readonly message: string;
  /** Of the panel's code. */
  readonly version: string;
}

/** What a node offers. */
export interface NodePanels {
  /** The node that answered. */
  readonly node: string;
  /** By name. */
  readonly panels: readonly PanelInfo[];
}

/** A session as its node knows it. */
export interface SessionInfo {
  readonly sessionId: string;
  readonly panel: string;
  readonly node: string;
  /** Identity that it belongs to. */
  readonly owner: string;
  /** Life of the session; rises with every restore. */
  readonly incarnation: number;
  /** A client is attached. */
  readonly attached: boolean;
  /** Frames received from clients. */
  readonly framesIn: number;
  /** Frames sent to clients. */
  readonly framesOut: number;
  readonly checkpointable: boolean;
  /** What its panel says about it, for example a command and a pid. */
  readonly details: Readonly<Record<string, string>>;
  /** Time since it was opened, in milliseconds. */
  readonly ageMs: number;
  /** Its pod was replaced and stays only for the sessions that it has. */
  readonly retiring: boolean;
  /** When it ends at the latest, where its pod has to be gone by then. */
  readonly endsAt: Date | undefined;
}

/** What an agent says of its panels. */
export function nodePanelsOf({ node, panels }: ListPanelsResponse): NodePanels {
  return { node, panels: panels.map(panelInfoOf) };
}

/** What an agent says of a session. */
export function sessionInfoOf(session: Session): SessionInfo {
  const { sessionId, panel, node, owner, incarnation, attached, age } = session;
  const { framesIn, framesOut, checkpointable, details, retiring, endsAt } = session;
  return {
    ...{ sessionId, panel, node, owner, incarnation, attached, framesIn, framesOut, checkpointable, details },
    ageMs: durationToMs(age, 0),
    retiring,
    endsAt: endsAt === undefined ? undefined : new Date(timestampToMs(endsAt)),
  };
}

function panelInfoOf({ name, serving, sessions, checkpointable, message, version }: Panel): PanelInfo {
  return { name, serving, sessions, checkpointable, message, version };
}
