import { isFields, isSameJson, listAt, textAt, valueAt } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { validateLabels } from '../store/metadata-rules.js';
import { invalidValue, requiredValue, unsupportedValue } from '../store/refusals.js';
import type { StatusCause } from '../store/status-error.js';
import { setDefault } from './container-defaults.js';
import { applyPodSpecDefaults } from './pod-defaults.js';
import { validatePodSpec } from './pod-validation.js';

type Fields = Record<string, unknown>;

const templateGeneration = 'deprecated.daemonset.template.generation';

function fieldsAt(object: unknown, ...path: readonly string[]): Fields | undefined {
  const found = valueAt(object, ...path);
  return isFields(found) ? found : undefined;
}

function applyStrategyDefaults(spec: Fields): void {
  setDefault(spec, 'updateStrategy', {});
  const strategy = fieldsAt(spec, 'updateStrategy');
  if (strategy === undefined) return;
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy['type'] !== 'RollingUpdate') return;
  setDefault(strategy, 'rollingUpdate', {});
  const rolling = fieldsAt(strategy, 'rollingUpdate');
  if (rolling === undefined) return;
  setDefault(rolling, 'maxUnavailable', 1);
  setDefault(rolling, 'maxSurge', 0);
}

/** Fills in what the API server fills in for a DaemonSet, in place. */
export function applyDaemonSetDefaults(daemonSet: AnyObject, old: AnyObject | undefined): void {
  const spec = fieldsAt(daemonSet, 'spec');
  if (spec === undefined) return;
  applyStrategyDefaults(spec);
  setDefault(spec, 'revisionHistoryLimit', 10);
  const podSpec = fieldsAt(spec, 'template', 'spec');
  if (podSpec !== undefined) applyPodSpecDefaults(podSpec);
  const before = old?.metadata.annotations?.[templateGeneration];
  const isChanged = old !== undefined && !isSameJson(valueAt(old, 'spec', 'template'), spec['template']);
  const generation = before === undefined ? 1 : Number(before) + Number(isChanged);
  daemonSet.metadata.annotations = { ...daemonSet.metadata.annotations, [templateGeneration]: String(generation) };
}

function matchesExpression(labels: Fields, expression: Fields): boolean {
  const key = textAt(expression, 'key');
  const values = valueAt(expression, 'values');
  const isListed = Array.isArray(values) && Object.hasOwn(labels, key) && values.includes(labels[key]);
  switch (expression['operator']) {
    case 'In':
      return isListed;
    case 'NotIn':
      return !isListed;
    case 'Exists':
      return Object.hasOwn(labels, key);
    default:
      return !Object.hasOwn(labels, key);
  }
}

function validateSelector(daemonSet: AnyObject): StatusCause[] {
  const selector = fieldsAt(daemonSet, 'spec', 'selector');
  const wanted = fieldsAt(selector, 'matchLabels') ?? {};
  const expressions = listAt(selector, 'matchExpressions');
  if (selector !== undefined && Object.keys(wanted).length + expressions.length === 0) {
    return [invalidValue('spec.selector', selector, 'empty selector is invalid for daemonset')];
  }
  const labels = fieldsAt(daemonSet, 'spec', 'template', 'metadata', 'labels') ?? {};
  const isMatched =
    selector !== undefined &&
    Object.entries(wanted).every(([key, value]) => labels[key] === value) &&
    expressions.every((expression) => matchesExpression(labels, expression));
  if (isMatched) return validateLabels(wanted, 'spec.selector.matchLabels');
  return [invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
}

const validateNumbers = (daemonSet: AnyObject): StatusCause[] =>
  ['minReadySeconds', 'revisionHistoryLimit'].flatMap((field) => {
    const value = valueAt(daemonSet, 'spec', field);
    if (typeof value !== 'number' || value >= 0) return [];
    return [invalidValue(`spec.${field}`, value, 'must be greater than or equal to 0')];
  });

function validateStrategy(daemonSet: AnyObject): StatusCause[] {
  const types = ['RollingUpdate', 'OnDelete'];
  const type = textAt(daemonSet, 'spec', 'updateStrategy', 'type');
  // The real server shows the whole, in its own form.
  const rolling = fieldsAt(daemonSet, 'spec', 'updateStrategy', 'rollingUpdate');
  const { maxUnavailable, maxSurge } = rolling ?? {};
  if (type === 'RollingUpdate') return validateRolling(maxUnavailable, maxSurge);
  const shown = {
    Type: type,
    RollingUpdate: rolling === undefined ? null : { MaxUnavailable: maxUnavailable, MaxSurge: maxSurge },
  };
  return types.includes(type) ? [] : [unsupportedValue('spec.updateStrategy', shown, types)];
}

const isZero = (value: unknown): boolean =>
  typeof value === 'number' ? value === 0 : typeof value !== 'string' || !/^0*[1-9][0-9]*%$/.test(value);

/** A number or a percentage of pods, at most all of them. */
function validateShare(value: unknown, field: string): StatusCause[] {
  if (typeof value === 'number' && value < 0) {
    return [invalidValue(field, value, 'must be greater than or equal to 0')];
  }
  if (typeof value !== 'string') return [];
  if (!/^[0-9]+%$/.test(value)) {
    const why =
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
    return [invalidValue(field, value, why)];
  }
  return Number.parseInt(value, 10) > 100 ? [invalidValue(field, value, 'must not be greater than 100%')] : [];
}

function validateRolling(maxUnavailable: unknown, maxSurge: unknown): StatusCause[] {
  const path = 'spec.updateStrategy.rollingUpdate';
  const causes = [
    ...validateShare(maxUnavailable, `${path}.maxUnavailable`),
    ...validateShare(maxSurge, `${path}.maxSurge`),
  ];
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    return [...causes, requiredValue(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0')];
  }
  if (isZero(maxUnavailable) || isZero(maxSurge)) return causes;
  return [...causes, invalidValue(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero')];
}

/** The essentials of a DaemonSet, and of changing it. */
export function validateDaemonSet(daemonSet: AnyObject, old: AnyObject | undefined): StatusCause[] {
  const selector = valueAt(daemonSet, 'spec', 'selector');
  const policy = textAt(daemonSet, 'spec', 'template', 'spec', 'restartPolicy');
  const isMoved = old !== undefined && !isSameJson(selector, valueAt(old, 'spec', 'selector'));
  return [
    ...(isMoved ? [invalidValue('spec.selector', selector, 'field is immutable')] : []),
    ...validateSelector(daemonSet),
    ...validateLabels(valueAt(daemonSet, 'spec', 'template', 'metadata', 'labels'), 'spec.template.labels'),
    ...validatePodSpec(valueAt(daemonSet, 'spec', 'template', 'spec'), 'spec.template.spec'),
    ...(['OnFailure', 'Never'].includes(policy)
      ? [unsupportedValue('spec.template.spec.restartPolicy', policy, ['Always'])]
      : []),
    ...validateNumbers(daemonSet),
    ...validateStrategy(daemonSet),
  ];
}
