import { createBackoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError, unreachable } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { configMaps, secrets, type Secret } from '#kube/certificate-objects.js';
import type { KubeApi, ObjectKey } from '#kube/api.js';
import { createAuthority, type Authority } from './authority.js';
import { bundleOf, planCa, type CaRecord, type CaStep, type CaTimes } from './ca-plan.js';
import { patchCaSecret, readCaSecret } from './ca-secret.js';

/** What a keeper is made of. */
export interface CaKeeperDeps {
  readonly api: KubeApi;
  /** The Secret with the authority; it has to exist. */
  readonly secret: ObjectKey;
  /** The ConfigMap with the bundle, under `ca.crt`; it has to exist. */
  readonly configMap: ObjectKey;
  readonly times: CaTimes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The authority as it is now. */
export interface CaView {
  readonly active: Authority;
  /** Everything to be trusted, PEM. */
  readonly bundle: string;
}

/** Keeps the authority. */
export interface CaKeeper {
  /** The authority; undefined while there is none. */
  current(): CaView | undefined;
  /** Calls `listener` after every change of {@link CaKeeper.current}. */
  onChange(listener: () => void): void;
  /** Looks at the authority until the signal aborts, and changes nothing. Never rejects. */
  follow(signal: AbortSignal): Promise<void>;
  /**
   * Makes, announces, switches and retires until the signal aborts. Never rejects. `onReady` is called once the bundle is out
   * with what signs in it: from then on certificates may be signed.
   */
  lead(signal: AbortSignal, onReady: () => void): Promise<void>;
}

/** Key of the bundle in its ConfigMap. */
const bundleKey = 'ca.crt';
/** The Secret is read, not watched, so that the right to read this one suffices. */
const lookMs = 60_000;
const emptyLookMs = 2_000;
/** More steps than the longest way needs. */
const maxSteps = 8;

/** Keeps the authority in a Secret and what is to be trusted in a ConfigMap; {@link planCa} decides. */
export function createCaKeeper(deps: CaKeeperDeps): CaKeeper {
  const { api, secret: secretKey, configMap: mapKey, times, clock, random, log } = deps;
  const listeners: (() => void)[] = [];
  let view: CaView | undefined;
  let leads = false;

  const take = (record: CaRecord): void => {
    const { active } = record;
    const bundle = bundleOf(record);
    if (active === undefined || (view?.active.certificate === active.certificate && view.bundle === bundle)) return;
    view = { active, bundle };
    for (const listener of listeners) listener();
  };

  const publish = async (record: CaRecord): Promise<void> => {
    const bundle = bundleOf(record);
    const map = await api.get(configMaps, mapKey);
    if (bundle === '' || map.data?.[bundleKey] === bundle) return;
    const { resourceVersion } = map.metadata;
    await api.patch(configMaps, mapKey, { metadata: { resourceVersion }, data: { [bundleKey]: bundle } });
    log.info({ configMap: mapKey }, 'trust bundle published');
  };

  const after = async (record: CaRecord, step: Exclude<CaStep, { kind: 'keep' }>): Promise<CaRecord> => {
    const nowMs = clock.date().getTime();
    const { active, next, asked, observed } = record;
    const heard = asked === undefined ? {} : { asked, observed: asked };
    const same = { ...(asked === undefined ? {} : { asked }), ...(observed === undefined ? {} : { observed }) };
    switch (step.kind) {
      case 'create':
        return { ...heard, active: await createAuthority(deps, times.authorityMs) };
      case 'announce':
        return { ...record, ...heard, next: await createAuthority(deps, times.authorityMs) };
      case 'publish':
        return { ...record, publishedMs: nowMs };
      case 'switch': {
        const previous = active === undefined || nowMs >= active.notAfterMs ? {} : { previous: active.certificate };
        return { ...same, ...(next === undefined ? {} : { active: next }), ...previous, switchedMs: nowMs };
      }
      case 'retire':
        return { ...same, ...(active === undefined ? {} : { active }) };
      default:
        return unreachable(step);
    }
  };

  /** Does everything that is due; returns when something is again, milliseconds since the epoch. */
  const work = async (): Promise<number> => {
    let secret: Secret = await api.get(secrets, secretKey);
    for (let count = 0; count < maxSteps; count++) {
      const record = readCaSecret(secret);
      await publish(record);
      take(record);
      const step = planCa(record, clock.date().getTime(), times);
      if (step.kind === 'keep') return step.untilMs;
      const patch = patchCaSecret(await after(record, step), secret.metadata.resourceVersion);
      secret = await api.patch(secrets, secretKey, patch);
      log.info({ secret: secretKey, step: step.kind }, 'certificate authority changed');
    }
    return clock.date().getTime();
  };

  const loop = async (signal: AbortSignal, once: () => Promise<number>): Promise<void> => {
    const backoff = createBackoff(random, { initialMs: 1_000, maxMs: 30_000 });
    while (!signal.aborted) {
      let pauseMs: number;
      try {
        pauseMs = Math.min(lookMs, Math.max(100, (await once()) - clock.date().getTime()));
        backoff.reset();
      } catch (error) {
        pauseMs = 200 + backoff.nextMs();
        if (isPaneletError(error, 'API_CONFLICT')) log.debug({ err: error }, 'certificate authority changed meanwhile');
        else log.error({ err: error, secret: secretKey }, 'certificate authority not looked after, is tried again');
      }
      await sleep(clock, pauseMs, signal).catch(() => undefined);
    }
  };

  return {
    current: () => view,
    onChange: (listener) => void listeners.push(listener),
    follow: (signal) =>
      loop(signal, async () => {
        const record = readCaSecret(await api.get(secrets, secretKey));
        // What the leading half knows is newer.
        if (!leads) take(record);
        return clock.date().getTime() + (view === undefined ? emptyLookMs : lookMs);
      }),
    lead: (signal, onReady) =>
      loop(signal, async () => {
        leads = true;
        const untilMs = await work();
        onReady();
        return untilMs;
      }),
  };
}
