import { PaneletError } from '#common/errors/errors.js';

import type { Secret } from '#kube/certificate-objects.js';
import { loadAuthority, type Authority } from './authority.js';
import type { CaRecord } from './ca-plan.js';

/** Annotation on the Secret: a new value asks for another authority. */
export const rotateAnnotation = 'panelet.dev/rotate-ca';
/** Annotation on the Secret: the value that was taken up last. Written by the controller. */
export const rotateObservedAnnotation = 'panelet.dev/rotate-ca-observed';
/** Annotation on the Secret: since when the next authority is in the bundle. Written by the controller. */
export const publishedAnnotation = 'panelet.dev/ca-published';
/** Annotation on the Secret: since when the authority signs in the place of the previous one. Written by the controller. */
export const switchedAnnotation = 'panelet.dev/ca-switched';

const keys = {
  activeCertificate: 'ca.crt',
  activeKey: 'ca.key',
  nextCertificate: 'next.crt',
  nextKey: 'next.key',
  previousCertificate: 'previous.crt',
} as const;

/**
 * What a Secret says of the authority.
 * @throws PaneletError CONFIG_INVALID when something in it cannot be used: it is never replaced without being asked.
 */
export function readCaSecret(secret: Secret): CaRecord {
  const text = (key: string): string | undefined => {
    const value = secret.data?.[key];
    return value === undefined || value === '' ? undefined : Buffer.from(value, 'base64').toString('utf8');
  };
  const authority = (certificateKey: string, keyKey: string): Authority | undefined => {
    const [certificate, key] = [text(certificateKey), text(keyKey)];
    if (certificate === undefined && key === undefined) return undefined;
    try {
      return loadAuthority(certificate ?? '', key ?? '');
    } catch (error) {
      const { message } = PaneletError.from(error);
      const advice = `Remove ${certificateKey} and ${keyKey} from the Secret ${secret.metadata.name} to have another one made.`;
      throw new PaneletError('CONFIG_INVALID', `${message} ${advice}`, { cause: error });
    }
  };
  const annotations = secret.metadata.annotations ?? {};
  const time = (name: string): number | undefined => {
    const ms = Date.parse(annotations[name] ?? '');
    return Number.isNaN(ms) ? undefined : ms;
  };
  const record = {
    active: authority(keys.activeCertificate, keys.activeKey),
    next: authority(keys.nextCertificate, keys.nextKey),
    previous: text(keys.previousCertificate),
    publishedMs: time(publishedAnnotation),
    switchedMs: time(switchedAnnotation),
    asked: annotations[rotateAnnotation],
    observed: annotations[rotateObservedAnnotation],
  };
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

/** The patch that makes a Secret say this, if it is still of that version. */
export function patchCaSecret(record: CaRecord, resourceVersion: string | undefined): object {
  const data = (value: string | undefined): string | null =>
    value === undefined ? null : Buffer.from(value, 'utf8').toString('base64');
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    metadata: {
      resourceVersion,
      annotations: {
        [rotateObservedAnnotation]: record.observed ?? null,
        [publishedAnnotation]: time(record.publishedMs),
        [switchedAnnotation]: time(record.switchedMs),
      },
    },
    data: {
      [keys.activeCertificate]: data(record.active?.certificate),
      [keys.activeKey]: data(record.active?.key),
      [keys.nextCertificate]: data(record.next?.certificate),
      [keys.nextKey]: data(record.next?.key),
      [keys.previousCertificate]: data(record.previous),
    },
  };
}
