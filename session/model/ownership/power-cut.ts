import type { InstanceLink } from './links.js';
import type { OwnershipConfig } from './rules.js';
import { spent, type Instance, type Move, type Situation } from './situation.js';

/** Every instance dies, any of the links vanish that were not synced, and an instance starts that nobody knows. */
export function powerCuts(situation: Situation, { attempts, mistakes }: OwnershipConfig): readonly Move[] {
  if (situation.left.powerCuts === 0) return [];
  const { claims, lives } = situation.links;
  const loose = lives.filter(({ isDurable }) => isDurable !== true);
  const fresh: Instance = {
    name: `Z${situation.left.powerCuts}`,
    isUp: true,
    stance: { kind: 'idle' },
    attempts: Math.max(1, attempts),
  };
  const dead = situation.instances.map((other) => ({ ...other, isUp: false, stance: { kind: 'idle' } as const }));
  return subsetsOf(loose).map((lost) => ({
    name: `the power is cut${lost.map(({ incarnation }) => `, without ${incarnation}.live`).join('')}`,
    next: {
      ...spent(situation, 'powerCuts'),
      instances: [...dead, fresh],
      letters: [],
      links: {
        claims: mistakes?.claimsVanish === true ? claims.slice(0, 1) : claims,
        lives: lives.filter((link) => !lost.includes(link)),
      },
      wasKilled: true,
    },
    isKill: true,
  }));
}

function subsetsOf(links: readonly InstanceLink[]): InstanceLink[][] {
  return links.reduce<InstanceLink[][]>((all, link) => [...all, ...all.map((subset) => [...subset, link])], [[]]);
}
