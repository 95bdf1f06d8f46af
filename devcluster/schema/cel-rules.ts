import { celEnv, isCelError, parse, plan, type CelInput } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { asError } from '#common/errors/errors.js';
import { isFields, isSameJson } from '../store/json-copy.js';
import { duplicateValue, forbiddenField, invalidValue, requiredValue } from '../store/refusals.js';
import type { StatusCause } from '../store/status-error.js';
import { celValueOf } from './cel-values.js';
import { fieldSchema, joinPath, type Schema, type SchemaRule } from './schema.js';

type Program = (bindings: Record<string, CelInput>) => unknown;

const env = celEnv({ funcs: strings });

/** Compiles each rule once. */
function createCompiler(): (expression: string) => Program {
  const programs = new Map<string, Program>();
  return (expression) => {
    const known = programs.get(expression);
    if (known !== undefined) return known;
    const program = plan(env, parse(expression)) as Program;
    programs.set(expression, program);
    return program;
  };
}

/** One place of an object that rules look at. */
interface Place {
  readonly schema: Schema;
  readonly value: unknown;
  readonly old: unknown;
  readonly path: string;
}

const brokenRule = (place: Place, why: string): StatusCause => invalidValue(place.path, place.schema.type ?? '', why);

function violation(place: Place, rule: SchemaRule, message: string): StatusCause {
  const field = (place.path + (rule.fieldPath ?? '')).replace(/^\./, '');
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbiddenField(field, message);
    case 'FieldValueRequired':
      return requiredValue(field, message);
    case 'FieldValueDuplicate':
      return duplicateValue(field, place.value);
    default:
      break;
  }
  // The real server leaves objects and lists out of the message.
  if (typeof place.value === 'object')
    return { reason: 'FieldValueInvalid', message: `Invalid value: ${message}`, field };
  return invalidValue(field, place.value, message);
}

const usesOldSelf = (rule: SchemaRule): boolean => /\boldSelf\b/.test(rule.rule);

function checkRule(compile: (expression: string) => Program, place: Place, rule: SchemaRule): StatusCause[] {
  if (usesOldSelf(rule) && place.old === undefined) return [];
  const bindings: Record<string, CelInput> = { self: celValueOf(place.schema, place.value) };
  if (place.old !== undefined) bindings['oldSelf'] = celValueOf(place.schema, place.old);
  const evaluate = (expression: string): unknown => {
    try {
      return compile(expression)(bindings);
    } catch (error) {
      return asError(error);
    }
  };
  const result = evaluate(rule.rule);
  if (result === true) return [];
  if (isCelError(result) || result instanceof Error) {
    return [brokenRule(place, `${result.message} evaluating rule: ${rule.message ?? rule.rule}`)];
  }
  const text = rule.messageExpression === undefined ? undefined : evaluate(rule.messageExpression);
  const message = typeof text === 'string' ? text : (rule.message?.trim() ?? `failed rule: ${rule.rule}`);
  return [violation(place, rule, message)];
}

function oldItem(schema: Schema, old: unknown, item: unknown): unknown {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] !== 'map' || keys === undefined || !Array.isArray(old) || !isFields(item))
    return undefined;
  return old.find((other) => isFields(other) && keys.every((key) => isSameJson(other[key], item[key])));
}

function innerPlaces(place: Place): Place[] {
  const { schema, value, old, path } = place;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return [];
    return value.map((item: unknown, index) => ({
      schema: items,
      value: item,
      old: oldItem(schema, old, item),
      path: `${path}[${index}]`,
    }));
  }
  if (!isFields(value)) return [];
  return Object.entries(value).flatMap(([field, inner]) => {
    const declared = fieldSchema(schema, field);
    if (declared === undefined) return [];
    const before = isFields(old) ? old[field] : undefined;
    return [{ schema: declared, value: inner, old: before, path: joinPath(path, field) }];
  });
}

/** Checks an object, and its change from `old`, against the CEL rules of its schema. */
export type RuleChecker = (value: unknown, old: unknown) => StatusCause[];

/** A checker of the rules (x-kubernetes-validations) of a schema. `optionalOldSelf` is not there. */
export function createRuleChecker(schema: Schema): RuleChecker {
  const compile = createCompiler();
  const check = (place: Place): StatusCause[] => {
    if (place.value === null) return [];
    const own = (place.schema['x-kubernetes-validations'] ?? []).flatMap((rule) => checkRule(compile, place, rule));
    return [...own, ...innerPlaces(place).flatMap(check)];
  };
  return (value, old) => check({ schema, value, old, path: '' });
}
