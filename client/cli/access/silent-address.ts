const whereForwardsListen = /^(127\.0\.0\.1|localhost|\[::1\]):/;

/** What may be behind an error at an address on this machine, as a sentence; undefined for any other address. */
export function forwardHint(address: string): string | undefined {
  return whereForwardsListen.test(address) ? 'A port-forward ends with its pod: use --node.' : undefined;
}

/**
 * What to say while nobody answers at an address on this machine, within 80 columns; undefined for any other address. A port-forward
 * listens there until its pod has gone, and no other pod takes its place.
 */
export function silentAddressText(address: string | undefined): string | undefined {
  if (address === undefined || forwardHint(address) === undefined) return undefined;
  return `${address} does not answer; a port-forward ends with its pod: use --node`;
}
