import { valueAt } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { invalidValue } from '../store/refusals.js';
import type { StatusCause } from '../store/status-error.js';

/** What is wrong with a lease. */
export function validateLease(lease: AnyObject): StatusCause[] {
  const seconds = valueAt(lease, 'spec', 'leaseDurationSeconds');
  const transitions = valueAt(lease, 'spec', 'leaseTransitions');
  return [
    ...(typeof seconds === 'number' && seconds <= 0
      ? [invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
      : []),
    ...(typeof transitions === 'number' && transitions < 0
      ? [invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0')]
      : []),
  ];
}
