import { tableLines } from '../io/output.js';

/** A condition of a restart. */
export interface RestartCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** A PanelRestart, as far as the CLI reads it. */
export interface RestartObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly paused?: boolean; readonly abort?: boolean };
  readonly status?: {
    readonly phase?: string;
    readonly observedGeneration?: number;
    readonly target?: string;
    readonly completionTime?: string;
    readonly pods?: { readonly summary?: string; readonly retiring?: number };
    readonly sessions?: { readonly summary?: string; readonly forced?: number };
    readonly conditions?: readonly RestartCondition[];
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
