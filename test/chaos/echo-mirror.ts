/** Compares what comes back with what was sent, byte by byte and as it arrives. */
export interface EchoMirror {
  sent(bytes: Uint8Array): void;
  received(bytes: Uint8Array): void;
  /** Set once something came back that was not sent at this place; says where. */
  readonly deviation: string | undefined;
}

/** A mirror of a session that begins. Keeps only what has not come back. */
export function createEchoMirror(): EchoMirror {
  const waiting: Buffer[] = [];
  let offset = 0;
  let deviation: string | undefined;
  const takeFrom = (first: Buffer, bytes: Buffer): Buffer => {
    const size = Math.min(first.length, bytes.length);
    if (!first.subarray(0, size).equals(bytes.subarray(0, size))) {
      deviation = `what came back differs from what was sent between bytes ${offset} and ${offset + size}`;
    }
    offset += size;
    if (size === first.length) waiting.shift();
    else waiting[0] = first.subarray(size);
    return bytes.subarray(size);
  };
  return {
    sent: (bytes) => void waiting.push(Buffer.from(bytes)),
    received: (bytes) => {
      let rest: Buffer = Buffer.from(bytes);
      while (rest.length > 0 && deviation === undefined) {
        const first = waiting[0];
        if (first === undefined) deviation = `${rest.length} bytes more than were sent came back after byte ${offset}`;
        else rest = takeFrom(first, rest);
      }
    },
    get deviation() {
      return deviation;
    },
  };
}
