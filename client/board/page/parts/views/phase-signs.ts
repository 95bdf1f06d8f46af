import type { ViewPhase } from '../../views/view-state.js';
import type { SignKind } from '../base/sign.js';

/** Signs of what a view is in. */
export const phaseSigns: Readonly<Record<ViewPhase, SignKind>> = {
  opening: 'busy',
  live: 'ok',
  reconnecting: 'warn',
  frozen: 'busy',
  away: 'warn',
  ended: 'off',
  failed: 'bad',
};
