import { tableLines } from '../io/output.js';

/** A condition of a restart. */
export interface RestartCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** A pod of a restart, under way. */
interface PodUnderWay {
  readonly pod: string;
  readonly uid: string;
  readonly node?: string;
  readonly step: string;
  /** RFC 3339, as the deadline. */
  readonly since?: string;
  readonly deadline?: string;
  readonly sessions?: number;
  readonly holders?: readonly string[];
  readonly message?: string;
  /** Of a pod that has, or had, its replacement beside it. */
  readonly surge?: string;
}

/** A pod that could not be restarted. */
interface PodThatFailed {
  readonly pod: string;
  readonly uid: string;
  readonly node?: string;
  readonly reason: string;
  readonly message?: string;
  readonly time?: string;
}

/** A PanelRestart, as far as the CLI reads it. */
export interface RestartObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly targetRef?: { readonly name?: string };
    readonly reason?: string;
    readonly paused?: boolean;
    readonly abort?: boolean;
    readonly dryRun?: boolean;
  };
  readonly status?: {
    readonly phase?: string;
    readonly observedGeneration?: number;
    readonly target?: string;
    readonly startTime?: string;
    readonly completionTime?: string;
    readonly expectedCompletionTime?: string;
    readonly pods?: {
      readonly summary?: string;
      readonly total?: number;
      readonly pending?: number;
      readonly succeeded?: number;
      readonly failed?: number;
      readonly retiring?: number;
    };
    readonly sessions?: { readonly summary?: string; readonly forced?: number };
    readonly conditions?: readonly RestartCondition[];
    readonly active?: readonly PodUnderWay[];
    readonly failures?: readonly PodThatFailed[];
  };
}

/** How a restart goes, in one line: also what it waits for, and which pods it has left for their sessions. */
export function restartSummary(restart: RestartObject): string {
  const { phase, pods, sessions, conditions = [] } = restart.status ?? {};
  const waiting = conditions.find(({ type, reason }) => type === 'Reconciling' && reason === 'TooManyRetiring');
  const retiring = conditions.find(({ type, status }) => type === 'Retiring' && status === 'True');
  const said = [waiting?.message, retiring?.message].filter((message) => message !== undefined);
  const line = `${phase ?? 'Pending'} · pods ${pods?.summary ?? '-'} · sessions ${sessions?.summary ?? '-'}`;
  return [line, ...said].join(' · ');
}

/** What a condition of a restart says; empty when it is not there. */
export function conditionMessage(restart: RestartObject, type: string): string {
  return restart.status?.conditions?.find((condition) => condition.type === type)?.message ?? '';
}

/** A table of the restarts that are not over, and how many are. */
export function restartRows(restarts: readonly RestartObject[]): readonly string[] {
  const open = restarts.filter(({ status }) => status?.completionTime === undefined);
  const over = restarts.filter(({ status }) => status?.completionTime !== undefined);
  const others = over.length === 0 ? [] : [`Finished restarts: ${over.length} (${listing(over)}).`];
  if (open.length === 0) return ['No restart is running.', ...others];
  const isSpread = new Set(open.map(({ metadata }) => metadata.namespace)).size > 1;
  const headings = [...(isSpread ? ['NAMESPACE'] : []), 'RESTART', 'TARGET', 'PHASE', 'PODS', 'SESSIONS', 'FORCED'];
  const rows = open.map(({ metadata, status }) => [
    ...(isSpread ? [metadata.namespace] : []),
    metadata.name,
    status?.target ?? '',
    status?.phase ?? 'Pending',
    status?.pods?.summary ?? '',
    status?.sessions?.summary ?? '',
    String(status?.sessions?.forced ?? 0),
  ]);
  return [...tableLines(headings, rows), ...others];
}

/** The kubectl command that lists restarts. */
function listing(restarts: readonly RestartObject[]): string {
  const [namespace, ...others] = new Set(restarts.map(({ metadata }) => metadata.namespace));
  return `kubectl ${namespace === undefined || others.length > 0 ? '-A' : `-n ${namespace}`} get prs`;
}
