import { copyOf, isFields, isSameJson, listAt, textAt, valueAt } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { duplicateValue, forbiddenField, invalidValue, requiredValue, unsupportedValue } from '../store/refusals.js';
import type { StatusCause } from '../store/status-error.js';

type Fields = Record<string, unknown>;

const labelPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelAdvice =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const validateNames = (items: readonly Fields[], path: string): StatusCause[] =>
  items.flatMap((item, index) => {
    const name = textAt(item, 'name');
    const field = `${path}[${index}].name`;
    if (name === '') return [requiredValue(field)];
    if (!labelPattern.test(name)) return [invalidValue(field, name, labelAdvice)];
    return items.slice(0, index).some((other) => other['name'] === name) ? [duplicateValue(field, name)] : [];
  });

const validatePorts = (container: Fields, path: string): StatusCause[] =>
  listAt(container, 'ports').flatMap((port, index) => {
    const field = `${path}.ports[${index}]`;
    const number = port['containerPort'];
    if (number === undefined) return [requiredValue(`${field}.containerPort`)];
    const isPort = typeof number === 'number' && number > 0 && number < 65536;
    if (!isPort) return [invalidValue(`${field}.containerPort`, number, 'must be between 1 and 65535, inclusive')];
    const protocols = ['SCTP', 'TCP', 'UDP'];
    const protocol = textAt(port, 'protocol');
    return protocols.includes(protocol) ? [] : [unsupportedValue(`${field}.protocol`, protocol, protocols)];
  });

function validateContainer(container: Fields, path: string, volumes: ReadonlySet<string>): StatusCause[] {
  const image = textAt(container, 'image');
  const mounts = listAt(container, 'volumeMounts').flatMap((mount, index) => {
    const field = `${path}.volumeMounts[${index}]`;
    const name = textAt(mount, 'name');
    const isKnown: StatusCause[] = volumes.has(name)
      ? []
      : [{ reason: 'FieldValueNotFound', message: `Not found: ${JSON.stringify(name)}`, field: `${field}.name` }];
    return textAt(mount, 'mountPath') === '' ? [...isKnown, requiredValue(`${field}.mountPath`)] : isKnown;
  });
  return [
    ...(image === '' ? [requiredValue(`${path}.image`)] : []),
    ...(image === image.trim()
      ? []
      : [invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace')]),
    ...validatePorts(container, path),
    ...mounts,
    ...validateProbes(container, path),
  ];
}

const validateProbes = (container: Fields, path: string): StatusCause[] =>
  ['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((probe) =>
    ['httpGet', 'tcpSocket', 'grpc'].flatMap((handler) => {
      const port = valueAt(container, probe, handler, 'port');
      if (typeof port !== 'number' || (port > 0 && port < 65536)) return [];
      return [invalidValue(`${path}.${probe}.${handler}.port`, port, 'must be between 1 and 65535, inclusive')];
    }),
  );

/** The essentials of a pod's spec, at `path` ("spec", "spec.template.spec"). */
export function validatePodSpec(spec: unknown, path: string): StatusCause[] {
  const containers = listAt(spec, 'containers');
  const volumes = listAt(spec, 'volumes');
  const volumeNames = new Set(volumes.map((volume) => textAt(volume, 'name')));
  const each = (field: string): StatusCause[] => {
    const items = listAt(spec, field);
    const inside = items.flatMap((item, index) => validateContainer(item, `${path}.${field}[${index}]`, volumeNames));
    return [...validateNames(items, `${path}.${field}`), ...inside];
  };
  const policies = ['Always', 'OnFailure', 'Never'];
  const policy = textAt(spec, 'restartPolicy');
  return [
    ...validateNames(volumes, `${path}.volumes`),
    ...(containers.length === 0 ? [requiredValue(`${path}.containers`)] : []),
    ...each('containers'),
    ...each('initContainers'),
    ...(policies.includes(policy) ? [] : [unsupportedValue(`${path}.restartPolicy`, policy, policies)]),
  ];
}

const mutableText =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** The spec without what may change while a pod runs; a node may be given once. */
function fixedPart(pod: AnyObject, hadNode: boolean, mayHurry: boolean): unknown {
  const spec = valueAt(pod, 'spec');
  const fixed: Fields = isFields(spec) ? copyOf(spec) : {};
  for (const field of ['containers', 'initContainers']) {
    for (const container of listAt(fixed, field)) delete container['image'];
  }
  for (const field of ['activeDeadlineSeconds', 'tolerations']) Reflect.deleteProperty(fixed, field);
  if (mayHurry) delete fixed['terminationGracePeriodSeconds'];
  if (!hadNode) delete fixed['nodeName'];
  return fixed;
}

/** What is wrong with changing a pod. */
export function validatePodUpdate(pod: AnyObject, old: AnyObject): StatusCause[] {
  const hadNode = textAt(old, 'spec', 'nodeName') !== '';
  const kept = listAt(old, 'spec', 'tolerations').every((toleration) =>
    listAt(pod, 'spec', 'tolerations').some((other) =>
      isSameJson({ ...other, tolerationSeconds: 0 }, { ...toleration, tolerationSeconds: 0 }),
    ),
  );
  const causes: StatusCause[] = [];
  const graceOf = (of: AnyObject): number => Number(valueAt(of, 'spec', 'terminationGracePeriodSeconds'));
  const mayHurry = graceOf(old) < 0 && graceOf(pod) === 1;
  if (!isSameJson(fixedPart(pod, hadNode, mayHurry), fixedPart(old, hadNode, mayHurry)))
    causes.push(forbiddenField('spec', mutableText));
  if (!kept) {
    causes.push(
      forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
    );
  }
  return causes;
}
