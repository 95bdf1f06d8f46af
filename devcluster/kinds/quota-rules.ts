import { isFields, valueAt } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { quotaResources } from '../store/pod-quota.js';
import { invalidValue, unsupportedValue } from '../store/refusals.js';
import type { StatusCause } from '../store/status-error.js';

/** What is wrong with a quota; of what the real server counts the dev cluster counts pods only. */
export function validateQuota(quota: AnyObject): StatusCause[] {
  const hard = valueAt(quota, 'spec', 'hard');
  const scopes = ['scopes', 'scopeSelector'].filter((field) => valueAt(quota, 'spec', field) !== undefined);
  return [
    ...scopes.map((field) => unsupportedValue(`spec.${field}`, valueAt(quota, 'spec', field), [])),
    ...Object.entries(isFields(hard) ? hard : {}).flatMap(([resource, limit]) => {
      const field = `spec.hard[${resource}]`;
      if (!quotaResources.some((known) => known === resource)) {
        return [unsupportedValue(field, resource, [...quotaResources])];
      }
      return /^\d+$/.test(String(limit)) ? [] : [invalidValue(field, limit, 'must be an integer')];
    }),
  ];
}
