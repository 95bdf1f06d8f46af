/** What Go says of a text that is no value of a type with a form of its own; undefined when it is one. */
export type TextProblem = (text: string) => string | undefined;

const quantityPattern = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/;
const secondsPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;
const microPattern = /^\.\d{6}(Z|[+-]\d\d:\d\d)$/;
const microLayout = '2006-01-02T15:04:05.000000Z07:00';

const quantity: TextProblem = (text) =>
  quantityPattern.test(text) ? undefined : `quantities must match the regular expression '${quantityPattern.source}'`;

const microTime: TextProblem = (text) => {
  const seconds = secondsPattern.exec(text)?.[0];
  const rest = text.slice(seconds?.length ?? 0);
  if (seconds !== undefined && microPattern.test(rest)) return undefined;
  const expected = seconds === undefined ? '2006' : '.000000';
  return `parsing time ${JSON.stringify(text)} as ${JSON.stringify(microLayout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(expected)}`;
};

/** By the last part of a schema's name. */
export const textProblems: Readonly<Record<string, TextProblem>> = { Quantity: quantity, MicroTime: microTime };
