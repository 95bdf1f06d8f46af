import { createBackoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { configMaps, secrets, type Secret } from '#kube/certificate-objects.js';
import type { KubeApi, ObjectKey } from '#kube/api.js';
import type { Authority } from './authority.js';
import { bundleOf, planCa, type CaRecord, type CaTimes } from './ca-plan.js';
import { patchCaSecret, readCaSecret } from './ca-secret.js';
import { afterStep } from './ca-step.js';

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
  return new SecretCaKeeper(deps);
}

class SecretCaKeeper implements CaKeeper {
  readonly #deps: CaKeeperDeps;
  readonly #listeners: (() => void)[] = [];
  #view: CaView | undefined;
  #leads = false;

  constructor(deps: CaKeeperDeps) {
    this.#deps = deps;
  }

  current(): CaView | undefined {
    return this.#view;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  follow(signal: AbortSignal): Promise<void> {
    const { api, secret: secretKey, clock } = this.#deps;
    return this.#loop(signal, async () => {
      const record = readCaSecret(await api.get(secrets, secretKey));
      // What the leading half knows is newer.
      if (!this.#leads) this.#take(record);
      return clock.date().getTime() + (this.#view === undefined ? emptyLookMs : lookMs);
    });
  }

  lead(signal: AbortSignal, onReady: () => void): Promise<void> {
    return this.#loop(signal, async () => {
      this.#leads = true;
      const untilMs = await this.#work();
      onReady();
      return untilMs;
    });
  }

  /** Calls `once` until the signal aborts: when that says, in milliseconds since the epoch, and again soon after a failure. */
  async #loop(signal: AbortSignal, once: () => Promise<number>): Promise<void> {
    const { secret: secretKey, clock, random, log } = this.#deps;
    const backoff = createBackoff(random, { initialMs: 1_000, maxMs: 30_000 });
    while (!signal.aborted) {
      let pauseMs: number;
      try {
        pauseMs = Math.min(lookMs, Math.max(100, (await once()) - clock.date().getTime()));
        backoff.reset();
      } catch (error) {
        pauseMs = 200 + backoff.nextMs();
        if (isPaneletError(error, 'API_CONFLICT')) log.debug({ err: error }, 'Certificate authority changed meanwhile');
        else log.error({ err: error, secret: secretKey }, 'Certificate authority not looked after, is tried again');
      }
      await sleep(clock, pauseMs, signal).catch(() => undefined);
    }
  }

  /** Does everything that is due; returns when something is again, milliseconds since the epoch. */
  async #work(): Promise<number> {
    const { api, secret: secretKey, times, clock, log } = this.#deps;
    let secret: Secret = await api.get(secrets, secretKey);
    for (let count = 0; count < maxSteps; count++) {
      const record = readCaSecret(secret);
      await this.#publish(record);
      this.#take(record);
      const step = planCa(record, clock.date().getTime(), times);
      if (step.kind === 'keep') return step.untilMs;
      const next = await afterStep(this.#deps, record, step);
      secret = await api.patch(secrets, secretKey, patchCaSecret(next, secret.metadata.resourceVersion));
      log.info({ secret: secretKey, step: step.kind }, 'Certificate authority changed');
    }
    return clock.date().getTime();
  }

  async #publish(record: CaRecord): Promise<void> {
    const { api, configMap: mapKey, log } = this.#deps;
    const bundle = bundleOf(record);
    const map = await api.get(configMaps, mapKey);
    if (bundle === '' || map.data?.[bundleKey] === bundle) return;
    const { resourceVersion } = map.metadata;
    await api.patch(configMaps, mapKey, { metadata: { resourceVersion }, data: { [bundleKey]: bundle } });
    log.info({ configMap: mapKey }, 'Trust bundle published');
  }

  #take(record: CaRecord): void {
    const { active } = record;
    const bundle = bundleOf(record);
    const known = this.#view;
    if (active === undefined || (known?.active.certificate === active.certificate && known.bundle === bundle)) return;
    this.#view = { active, bundle };
    for (const listener of this.#listeners) listener();
  }
}
