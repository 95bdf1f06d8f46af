import { badRequest } from './refusals.js';

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>> | undefined;

type Requirement = (labels: Readonly<Record<string, string>>) => boolean;

const keyPattern = /^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?\/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const valuePattern = /^([a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)?$/;
const setTerm = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const compareTerm = /^([^\s=!<>]+)\s*(==|=|!=|>|<)\s*([^\s=!<>]*)$/;
const existTerm = /^(!?)\s*([^\s=!<>()]+)$/;

const refuse = (selector: string, why: string): Error =>
  badRequest(`unable to parse requirement: ${why} in label selector ${JSON.stringify(selector)}`);

/** Splits at commas that are not inside parentheses. */
const termsOf = (selector: string): string[] => selector.split(/,(?![^(]*\))/).map((term) => term.trim());

const compare = (key: string, operator: string, value: string): Requirement => {
  if (operator === '!=') return (labels) => labels[key] !== value;
  if (operator === '>') return (labels) => Number.parseInt(labels[key] ?? '', 10) > Number(value);
  if (operator === '<') return (labels) => Number.parseInt(labels[key] ?? '', 10) < Number(value);
  return (labels) => labels[key] === value;
};

const parseTerm = (selector: string, term: string): Requirement => {
  const check = (key: string, values: readonly string[]): void => {
    if (!keyPattern.test(key)) throw refuse(selector, `<nil>: Invalid value: "${key}": name part is malformed`);
    const wrong = values.find((value) => !valuePattern.test(value));
    if (wrong !== undefined)
      throw refuse(selector, `values: Invalid value: "${wrong}": a valid label must be alphanumeric`);
  };
  const set = setTerm.exec(term);
  if (set !== null) {
    const [key = '', operator, list = ''] = set.slice(1);
    const values = list.split(',').map((value) => value.trim());
    check(key, values);
    return (labels) => (Object.hasOwn(labels, key) && values.includes(labels[key] ?? '')) === (operator === 'in');
  }
  const pair = compareTerm.exec(term);
  if (pair !== null) {
    const [key = '', operator = '', value = ''] = pair.slice(1);
    check(key, [value]);
    return compare(key, operator, value);
  }
  const exist = existTerm.exec(term);
  if (exist === null) throw refuse(selector, `found ${JSON.stringify(term)}`);
  const [not, key = ''] = exist.slice(1);
  check(key, []);
  return (labels) => Object.hasOwn(labels, key) === (not === '');
};

/**
 * Turns a label selector ("a=b,c!=d,e in (f,g),h notin (i),j,!k") into a predicate. An empty one matches everything.
 * @throws StatusError BadRequest for a text that is no selector.
 */
export function parseLabelSelector(selector: string | undefined): (labels: Labels) => boolean {
  if (selector === undefined || selector.trim() === '') return () => true;
  const requirements = termsOf(selector).map((term) => parseTerm(selector, term));
  return (labels) => requirements.every((matches) => matches(labels ?? {}));
}
