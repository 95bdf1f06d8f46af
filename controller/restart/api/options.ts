import type { KubeObject } from '#kube/objects.js';
import {
  drainTimeoutAnnotation,
  maxRetiringAnnotation,
  maxSurgeAnnotation,
  maxUnavailableAnnotation,
  noticeAnnotation,
  onUnreachableAnnotation,
  onTimeoutAnnotation,
  reasonAnnotation,
  retireTimeoutAnnotation,
  warmTimeoutAnnotation,
} from './annotations.js';
import type { PanelRestartSpec, TimeoutPolicy } from './panel-restart.js';

/** Options of a request by annotation, or what is wrong with them. */
export type RestartOptions =
  | { readonly kind: 'valid'; readonly spec: Omit<PanelRestartSpec, 'targetRef'> }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

class Wrong extends Error {}

function wrong(annotation: string, value: string, advice: string): never {
  throw new Wrong(`Annotation ${annotation} is ${JSON.stringify(value.slice(0, 100))}; ${advice}`);
}

function secondsOf(value: string): number {
  const match = /^(\d{1,6})(s|m|h)?$/.exec(value.trim());
  const factor = { s: 1, m: 60, h: 3600 }[match?.[2] ?? 's'] ?? 1;
  return Number(match?.[1] ?? NaN) * factor;
}

function drainTimeoutOf(value: string): number {
  const seconds = secondsOf(value);
  if (seconds >= 1 && seconds <= 86_400) return seconds;
  return wrong(drainTimeoutAnnotation, value, 'give a time from 1s to 24h, such as 90s, 5m or 120.');
}

function noticeOf(value: string): number {
  const seconds = secondsOf(value);
  if (seconds >= 0 && seconds <= 3600) return seconds;
  return wrong(noticeAnnotation, value, 'give a time from 0s to 1h, such as 5s, 1m or 30.');
}

function policyOf(annotation: string, value: string): TimeoutPolicy {
  const policies: readonly TimeoutPolicy[] = ['Force', 'Wait', 'Abort'];
  const policy = policies.find((name) => name.toLowerCase() === value.trim().toLowerCase());
  return policy ?? wrong(annotation, value, 'use Force, Wait or Abort.');
}

function warmTimeoutOf(value: string): number {
  const seconds = secondsOf(value);
  if (seconds >= 1 && seconds <= 3600) return seconds;
  return wrong(warmTimeoutAnnotation, value, 'give a time from 1s to 1h, such as 90s, 5m or 120.');
}

/** Seconds that a replaced host may stay; -1: as long as it has sessions. */
function retireTimeoutOf(value: string): number {
  const text = value.trim();
  const match = /^(\d{1,8})(s|m|h|d)?$/.exec(text);
  const factor = { s: 1, m: 60, h: 3600, d: 86_400 }[match?.[2] ?? 's'] ?? 1;
  const seconds = text === '-1' ? -1 : Number(match?.[1] ?? NaN) * factor;
  if (seconds >= -1 && seconds <= 31_536_000) return seconds;
  return wrong(
    retireTimeoutAnnotation,
    value,
    'give a time up to 365d, such as 7d, 12h or 3600; 0: none; -1: no limit.',
  );
}

function maxRetiringOf(value: string): number {
  const text = value.trim();
  if (/^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 10) return Number(text);
  return wrong(maxRetiringAnnotation, value, 'give a number from 1 to 10.');
}

type RetireOptions = Pick<NonNullable<PanelRestartSpec['drain']>, 'retireTimeoutSeconds' | 'maxRetiring'>;

/** What a target says of pods that retire, for restarts that say nothing of their own; what cannot be read is left out. */
export function retireDefaultsOf(target: KubeObject | undefined): RetireOptions {
  return target === undefined ? {} : retireOptionsIn(createReader(target, () => undefined));
}

function retireOptionsIn(read: ReadOption): RetireOptions {
  const retireTimeoutSeconds = read(retireTimeoutAnnotation, retireTimeoutOf);
  const maxRetiring = read(maxRetiringAnnotation, maxRetiringOf);
  return {
    ...(retireTimeoutSeconds === undefined ? {} : { retireTimeoutSeconds }),
    ...(maxRetiring === undefined ? {} : { maxRetiring }),
  };
}

function countOf(annotation: string, value: string): number | string {
  const text = value.trim();
  if (/^([1-9]\d?|100)%$/.test(text)) return text;
  if (/^\d{1,2}$/.test(text) && Number(text) <= 50) return Number(text);
  return wrong(annotation, value, 'give a number from 0 to 50 or a percentage from 1% to 100%.');
}

/** No pod could ever go. */
function bothZero({ maxSurge, maxUnavailable }: NonNullable<PanelRestartSpec['strategy']>): string | undefined {
  if (maxUnavailable !== 0 || maxSurge !== 0) return undefined;
  return `Annotations ${maxSurgeAnnotation} and ${maxUnavailableAnnotation} are both 0; let at least one be 1.`;
}

function reasonOf(value: string): string {
  if (value.length <= 256) return value;
  return wrong(reasonAnnotation, value, 'give at most 256 characters.');
}

/** Reads an option; undefined where it is not there, or wrong. */
type ReadOption = <T>(annotation: string, parse: (value: string) => T) => T | undefined;

function createReader(target: KubeObject, onWrong: (message: string) => void): ReadOption {
  return (annotation, parse) => {
    const value = target.metadata.annotations?.[annotation];
    if (value === undefined) return undefined;
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      onWrong(error.message);
      return undefined;
    }
  };
}

/** Reads the options in a target's annotations. Every one that is wrong is told, with what to do. */
export function restartOptionsOf(target: KubeObject): RestartOptions {
  const problems: string[] = [];
  const read = createReader(target, (message) => problems.push(message));
  const reason = read(reasonAnnotation, reasonOf);
  const timeoutSeconds = read(drainTimeoutAnnotation, drainTimeoutOf);
  const noticeSeconds = read(noticeAnnotation, noticeOf);
  const onTimeout = read(onTimeoutAnnotation, (value) => policyOf(onTimeoutAnnotation, value));
  const onUnreachable = read(onUnreachableAnnotation, (value) => policyOf(onUnreachableAnnotation, value));
  const maxSurge = read(maxSurgeAnnotation, (value) => countOf(maxSurgeAnnotation, value));
  const maxUnavailable = read(maxUnavailableAnnotation, (value) => countOf(maxUnavailableAnnotation, value));
  const warmTimeoutSeconds = read(warmTimeoutAnnotation, warmTimeoutOf);
  const retiring = retireOptionsIn(read);
  const strategy = {
    ...(maxSurge === undefined ? {} : { maxSurge }),
    ...(maxUnavailable === undefined ? {} : { maxUnavailable }),
    ...(warmTimeoutSeconds === undefined ? {} : { warmTimeoutSeconds }),
  };
  const problem = bothZero(strategy);
  if (problem !== undefined) problems.push(problem);
  if (problems.length > 0) return { kind: 'wrong', problems };
  const drain = {
    ...(noticeSeconds === undefined ? {} : { noticeSeconds }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(onTimeout === undefined ? {} : { onTimeout }),
    ...(onUnreachable === undefined ? {} : { onUnreachable }),
    ...retiring,
  };
  return {
    kind: 'valid',
    spec: {
      ...(reason === undefined ? {} : { reason }),
      ...(Object.keys(strategy).length === 0 ? {} : { strategy }),
      ...(Object.keys(drain).length === 0 ? {} : { drain }),
    },
  };
}
