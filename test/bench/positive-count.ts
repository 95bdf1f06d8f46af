import { InvalidArgumentError } from 'commander';

/** A whole number above 0 on the command line. @throws InvalidArgumentError */
export function positiveCount(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('Must be a whole number above 0.');
}
