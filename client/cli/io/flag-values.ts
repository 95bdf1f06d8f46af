import { InvalidArgumentError, Option } from 'commander';

/** A duration on the command line: `500ms`, `90s`, `5m`, `1h`, or a number of seconds. @returns milliseconds. */
export function readDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's'];
  if (match?.[1] === undefined || unit === undefined) {
    throw new InvalidArgumentError('Give a duration as 90s, 5m, 1h or a number of seconds.');
  }
  return Number(match[1]) * unit;
}

/** An option that takes a duration, with a default in seconds; helps show it as it would be typed. */
export function durationOption(flags: string, description: string, defaultSeconds: number): Option {
  return new Option(flags, description).argParser(readDuration).default(defaultSeconds * 1000, `${defaultSeconds}s`);
}

/** A count on the command line. */
export function readCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** A port; 0 for any that is free. */
export function readPort(text: string): number {
  const port = readCount(text);
  if (port > 65_535) throw new InvalidArgumentError('Give a port, from 0 to 65535.');
  return port;
}

/** A number of lines, or -1 for all of them, as kubectl has it. */
export function readTail(text: string): number {
  return text === '-1' ? -1 : readCount(text);
}

/** Collects the values of an option that may be given more than once. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

const timeoutPolicies = ['abort', 'force', 'wait'] as const;

/** What happens to sessions that are not safe at a deadline. */
export type TimeoutChoice = (typeof timeoutPolicies)[number];

/** `--on-timeout`, in lower case or as the API has it (`Abort`); help and completion show the first. */
export function timeoutPolicyOption(description: string): Option {
  return new Option('--on-timeout <policy>', description).choices(timeoutPolicies).argParser(readTimeoutPolicy);
}

function readTimeoutPolicy(text: string): TimeoutChoice {
  const policy = timeoutPolicies.find((known) => known === text.toLowerCase());
  if (policy === undefined) throw new InvalidArgumentError(`Allowed choices are ${timeoutPolicies.join(', ')}.`);
  return policy;
}
