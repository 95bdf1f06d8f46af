import type { OwnerAccount } from '../../owners/owner-accounts.js';
import type { ProgramPlaces } from './terminal-parameters.js';

// Exit codes of a shell itself are below and above.
const firstCode = 20;
const maxCandidates = 80;
const findScript = 'i=20; for path; do [ -f "$path" ] && [ -x "$path" ] && exit $i; i=$((i + 1)); done; exit 1';

/** Asks as the owner, in a process of his: the worker cannot look into his directories, and would see more elsewhere. */
export function ownerPlaces(account: Pick<OwnerAccount, 'run'>): ProgramPlaces {
  return {
    isDirectory: async (path) => (await account.run('cd -- "$1" 2>/dev/null', [path])) === 0,
    findProgram: async (candidates) =>
      candidates[(await account.run(findScript, candidates.slice(0, maxCandidates))) - firstCode],
  };
}
