// CHOWN, KILL, SETGID, SETUID, SETPCAP: bits of capabilities(7).
const needed = [0, 5, 6, 7, 8].reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);

/**
 * True when a process can start others as other users.
 * @param status text of /proc/self/status
 */
export function mayChangeUid(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return effective !== undefined && (BigInt(`0x${effective}`) & needed) === needed;
}
