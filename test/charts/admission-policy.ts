import {
  celEnv,
  celMethod,
  CelScalar,
  isCelError,
  mapType,
  parse,
  plan,
  type CelInput,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { celValueOf } from '#devcluster/schema/cel-values.js';
import type { Manifest } from './chart.js';

interface Named {
  readonly name: string;
  readonly expression: string;
}

interface PolicySpec {
  readonly matchConditions?: readonly Named[];
  readonly variables?: readonly Named[];
  readonly validations: readonly { readonly expression: string; readonly messageExpression: string }[];
}

/** What somebody asks of the API server, as a ValidatingAdmissionPolicy sees it. */
export interface AdmissionRequest {
  readonly username: string;
  /** Whether RBAC lets them update the object. @default false */
  readonly mayUpdate?: boolean;
  readonly object: object;
  /** Missing when the object is new. */
  readonly oldObject?: object;
}

const objectType = mapType(CelScalar.STRING, CelScalar.DYN);
// Of the API server's own functions those that the chart's policies call.
const funcs = [
  ...strings,
  celMethod('check', objectType, [CelScalar.STRING], objectType, function (verb) {
    return new Map([['allowed', this.get(verb) === true]]);
  }),
  celMethod('allowed', objectType, [], CelScalar.BOOL, function () {
    return this.get('allowed') === true;
  }),
];
const env = celEnv({ funcs });

function evaluate(expression: string, bindings: Record<string, CelInput>): unknown {
  const value: unknown = (plan(env, parse(expression)) as (given: Record<string, CelInput>) => unknown)(bindings);
  if (isCelError(value)) throw new Error(`${value.message} in ${expression}`);
  return value;
}

/**
 * What a policy with `failurePolicy: Fail` says to a request: its message when it refuses, undefined when it does not.
 * Whether its rules select the request is not looked at.
 * @throws Error when an expression fails, which is a refusal on a real cluster.
 */
export function judge({ spec }: Manifest, asked: AdmissionRequest): string | undefined {
  const { matchConditions = [], variables = [], validations } = spec as unknown as PolicySpec;
  const bindings: Record<string, CelInput> = {
    object: celValueOf({}, asked.object),
    oldObject: celValueOf({}, asked.oldObject ?? null),
    request: celValueOf({}, { userInfo: { username: asked.username } }),
    authorizer: celValueOf({}, { requestResource: { update: asked.mayUpdate ?? false } }),
  };
  if (!matchConditions.every(({ expression }) => evaluate(expression, bindings) === true)) return undefined;
  const known = new Map<string, CelInput>();
  for (const { name, expression } of variables) {
    known.set(name, evaluate(expression, { ...bindings, variables: known }) as CelInput);
  }
  const all = { ...bindings, variables: known };
  const broken = validations.find(({ expression }) => evaluate(expression, all) !== true);
  return broken === undefined ? undefined : String(evaluate(broken.messageExpression, all));
}
