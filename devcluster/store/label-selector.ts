import { labelKeyProblem, labelValueProblem } from './metadata-rules.js';
import { badRequest } from './refusals.js';

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>> | undefined;

type Requirement = (labels: Readonly<Record<string, string>>) => boolean;

/** The words of a selector, one after the other; '' at the end. */
interface Words {
  peek(): string;
  take(): string;
}

const special = /^(?:==|!=|[(),!=<>])$/;
const operators = ['in', 'notin', '=', '==', '!=', 'gt', 'lt'];
const operatorWords = new Set([...operators.slice(0, 5), '>', '<']);
const isName = (word: string): boolean => word !== '' && !special.test(word);
const requirementError = (why: string): Error => badRequest(`unable to parse requirement: ${why}`);

function cut(selector: string): Words {
  const words = selector.match(/==|!=|[(),!=<>]|[^\s(),!=<>]+/g) ?? [];
  let at = 0;
  return { peek: () => words[at] ?? '', take: () => words[at++] ?? '' };
}

function readValues(words: Words): string[] {
  const open = words.take();
  if (open !== '(') throw requirementError(`found '${open}' expected: '('`);
  const values: string[] = [];
  for (;;) {
    // Between two commas, and at both ends, there may be an empty value.
    const value = isName(words.peek()) ? words.take() : '';
    const next = words.take();
    if (next !== ',' && next !== ')') throw requirementError(`found '${next}', expected: ',' or ')'`);
    values.push(value);
    if (next === ')') return values;
  }
}

function readValue(words: Words): string {
  if (words.peek() === '' || words.peek() === ',') return '';
  const word = words.take();
  if (!isName(word)) throw requirementError(`found '${word}', expected: identifier`);
  return word;
}

function checkValues(key: string, values: readonly string[]): void {
  for (const [index, value] of values.toSorted().entries()) {
    const why = labelValueProblem(value);
    if (why !== undefined) throw requirementError(`values[${index}][${key}]: Invalid value: "${value}": ${why}`);
  }
}

function requirementOf(key: string, operator: string, values: readonly string[]): Requirement {
  const [value = ''] = values;
  switch (operator) {
    case 'in':
    case 'notin':
      return (labels) => (Object.hasOwn(labels, key) && values.includes(labels[key] ?? '')) === (operator === 'in');
    case '!=':
      return (labels) => labels[key] !== value;
    case '>':
      return (labels) => Number.parseInt(labels[key] ?? '', 10) > Number(value);
    case '<':
      return (labels) => Number.parseInt(labels[key] ?? '', 10) < Number(value);
    default:
      return (labels) => labels[key] === value;
  }
}

function readRequirement(words: Words): Requirement {
  const isDenied = words.peek() === '!';
  if (isDenied) words.take();
  const key = words.take();
  if (!isName(key)) throw requirementError(`found '${key}', expected: identifier`);
  const why = labelKeyProblem(key);
  if (why !== undefined) throw requirementError(`<nil>: Invalid value: "${key}": ${why}`);
  const isEnd = words.peek() === '' || words.peek() === ',';
  if (isDenied || isEnd) return (labels) => Object.hasOwn(labels, key) !== isDenied;
  const operator = words.take();
  if (!operatorWords.has(operator)) {
    throw requirementError(`found '${operator}', expected: ${operators.join(', ')}`);
  }
  const values = operator.endsWith('in') ? readValues(words) : [readValue(words)];
  checkValues(key, values);
  return requirementOf(key, operator, values);
}

/**
 * Turns a label selector ("a=b,c!=d,e in (f,g),h notin (i),j,!k") into a predicate. An empty one matches everything. The
 * grammar and the refusals are those of k8s.io/apimachinery/pkg/labels.
 * @throws StatusError BadRequest for a text that is no selector.
 */
export function parseLabelSelector(selector: string | undefined): (labels: Labels) => boolean {
  const words = cut(selector ?? '');
  const requirements: Requirement[] = [];
  while (words.peek() !== '') {
    const word = words.peek();
    if (word !== '!' && !isName(word)) throw badRequest(`found '${word}', expected: !, identifier, or 'end of string'`);
    requirements.push(readRequirement(words));
    const next = words.take();
    if (next === '') break;
    if (next !== ',') throw badRequest(`found '${next}', expected: ',' or 'end of string'`);
    const after = words.peek();
    if (after !== '!' && !isName(after)) throw badRequest(`found '${after}', expected: identifier after ','`);
  }
  return (labels) => requirements.every((matches) => matches(labels ?? {}));
}
