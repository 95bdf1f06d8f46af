import { countText } from '#common/count-text.js';
import { isFields, isSameJson } from '../store/json-copy.js';
import { duplicateValue, invalidValue, requiredValue, unsupportedValue } from '../store/refusals.js';
import type { StatusCause } from '../store/status-error.js';
import { isRightFormat } from './formats.js';
import { fieldSchema, joinPath, type Schema } from './schema.js';

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function hasType(schema: Schema, value: unknown): boolean {
  const actual = typeName(value);
  if (schema['x-kubernetes-int-or-string'] === true) return actual === 'integer' || actual === 'string';
  if (schema.type === undefined || actual === schema.type) return true;
  return schema.type === 'number' && actual === 'integer';
}

/** A message in the manner of the real server: `spec.x in body should …`. */
const inBody = (path: string, value: unknown, should: string): StatusCause =>
  invalidValue(path, value, `${path} in body ${should}`);

const tooMany = (path: string, count: number, most: number): StatusCause => ({
  reason: 'FieldValueTooMany',
  message: `Too many: ${count}: must have at most ${countText(most, 'item')}`,
  field: path,
});

function checkText(schema: Schema, value: string, path: string): StatusCause[] {
  const causes: StatusCause[] = [];
  const { minLength, maxLength, pattern, format } = schema;
  const length = Array.from(value).length;
  if (maxLength !== undefined && length > maxLength) {
    const message = `Too long: may not be more than ${countText(maxLength, 'byte')}`;
    causes.push({ reason: 'FieldValueTooLong', message, field: path });
  }
  if (minLength !== undefined && length < minLength) {
    causes.push(inBody(path, value, `should be at least ${minLength} chars long`));
  }
  if (pattern !== undefined && !new RegExp(pattern).test(value)) {
    causes.push(inBody(path, value, `should match '${pattern}'`));
  }
  if (format !== undefined && !isRightFormat(format, value)) {
    causes.push({
      ...inBody(path, value, `must be of type ${format}: ${JSON.stringify(value)}`),
      reason: 'FieldValueTypeInvalid',
    });
  }
  return causes;
}

function checkNumber(schema: Schema, value: number, path: string): StatusCause[] {
  const causes: StatusCause[] = [];
  const { minimum, maximum, multipleOf } = schema;
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    const orEqual = schema.exclusiveMinimum === true ? '' : 'or equal to ';
    causes.push(inBody(path, value, `should be greater than ${orEqual}${minimum}`));
  }
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    const orEqual = schema.exclusiveMaximum === true ? '' : 'or equal to ';
    causes.push(inBody(path, value, `should be less than ${orEqual}${maximum}`));
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) {
    causes.push(inBody(path, value, `should be a multiple of ${multipleOf}`));
  }
  return causes;
}

function checkList(schema: Schema, value: readonly unknown[], path: string): StatusCause[] {
  const causes: StatusCause[] = [];
  const { items, minItems, maxItems } = schema;
  if (maxItems !== undefined && value.length > maxItems) causes.push(tooMany(path, value.length, maxItems));
  if (minItems !== undefined && value.length < minItems) {
    causes.push(inBody(path, value.length, `should have at least ${minItems} items`));
  }
  const keys = schema['x-kubernetes-list-type'] === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : undefined;
  const isSet = schema['x-kubernetes-list-type'] === 'set';
  const identity = (item: unknown): unknown =>
    keys !== undefined && isFields(item) ? Object.fromEntries(keys.map((key) => [key, item[key]])) : item;
  for (const [index, item] of value.entries()) {
    const isTwin = (other: unknown): boolean => isSameJson(identity(other), identity(item));
    const isRepeated = (keys !== undefined || isSet) && value.slice(0, index).some(isTwin);
    if (isRepeated) causes.push(duplicateValue(`${path}[${index}]`, identity(item)));
    if (items !== undefined) causes.push(...validateSchema(items, item, `${path}[${index}]`));
  }
  return causes;
}

function checkFields(schema: Schema, value: Record<string, unknown>, path: string): StatusCause[] {
  const causes: StatusCause[] = [];
  for (const field of schema.required ?? []) {
    if (value[field] === undefined) causes.push(requiredValue(joinPath(path, field)));
  }
  const count = Object.keys(value).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    causes.push(tooMany(path, count, schema.maxProperties));
  }
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    causes.push(inBody(path, count, `should have at least ${schema.minProperties} properties`));
  }
  for (const field of Object.keys(value).sort()) {
    const declared = fieldSchema(schema, field);
    const inner = value[field];
    if (declared !== undefined) causes.push(...validateSchema(declared, inner, joinPath(path, field)));
  }
  return causes;
}

function checkJunctors(schema: Schema, value: unknown, path: string): StatusCause[] {
  const fits = (part: Schema): boolean => validateSchema(part, value, path).length === 0;
  const causes = (schema.allOf ?? []).flatMap((part) => validateSchema(part, value, path));
  if (schema.anyOf !== undefined && !schema.anyOf.some(fits)) {
    causes.push(inBody(path, value, 'must validate at least one schema (anyOf)'));
  }
  if (schema.oneOf !== undefined && schema.oneOf.filter(fits).length !== 1) {
    causes.push(inBody(path, value, 'must validate one and only one schema (oneOf)'));
  }
  if (schema.not !== undefined && fits(schema.not))
    causes.push(inBody(path, value, 'must not validate the schema (not)'));
  return causes;
}

/** Everything in a value that breaks a structural schema, in the words of the real server. CEL rules are apart (cel-rules.ts). */
export function validateSchema(schema: Schema, value: unknown, path: string): StatusCause[] {
  if (value === null && schema.nullable === true) return [];
  if (!hasType(schema, value)) {
    const actual = JSON.stringify(typeName(value));
    const wanted = schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : (schema.type ?? '');
    const message = `Invalid value: ${actual}: ${path} in body must be of type ${wanted}: ${actual}`;
    return [{ reason: 'FieldValueTypeInvalid', message, field: path }];
  }
  const causes = checkJunctors(schema, value, path);
  if (schema.enum !== undefined && !schema.enum.some((item) => isSameJson(item, value))) {
    causes.push(unsupportedValue(path, value, schema.enum.map(String)));
  }
  if (typeof value === 'string') causes.push(...checkText(schema, value, path));
  else if (typeof value === 'number') causes.push(...checkNumber(schema, value, path));
  else if (Array.isArray(value)) causes.push(...checkList(schema, value, path));
  else if (isFields(value)) causes.push(...checkFields(schema, value, path));
  return causes;
}
