import { isFields, isSameJson } from '../store/json-copy.js';
import type { AnyObject } from '../store/kube-object.js';
import { forbiddenField, invalidValue } from '../store/refusals.js';
import type { StatusCause } from '../store/status-error.js';

const keyPattern = /^[-._a-zA-Z0-9]+$/;
const keyAdvice =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

function keysOf(object: AnyObject, field: string): string[] {
  const found = object[field];
  return isFields(found) ? Object.keys(found).sort() : [];
}

function validateChange(configMap: AnyObject, old: AnyObject): StatusCause[] {
  if (old['immutable'] !== true) return [];
  const why = 'field is immutable when `immutable` is set';
  const isSame = (field: string): boolean => isSameJson(configMap[field] ?? {}, old[field] ?? {});
  return [
    ...(configMap['immutable'] === true ? [] : [forbiddenField('immutable', why)]),
    ...['data', 'binaryData'].filter((field) => !isSame(field)).map((field) => forbiddenField(field, why)),
  ];
}

/** What is wrong with a ConfigMap, or with turning `old` into it. */
export function validateConfigMap(configMap: AnyObject, old: AnyObject | undefined): StatusCause[] {
  const twice = new Set(keysOf(configMap, 'binaryData'));
  const causes = ['data', 'binaryData'].flatMap((field) =>
    keysOf(configMap, field)
      .filter((key) => !keyPattern.test(key))
      .map((key) => invalidValue(`${field}[${key}]`, key, keyAdvice)),
  );
  const doubled = keysOf(configMap, 'data')
    .filter((key) => twice.has(key))
    .map((key) => invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
  return [...causes, ...doubled, ...(old === undefined ? [] : validateChange(configMap, old))];
}
