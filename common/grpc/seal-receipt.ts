import { createHash } from 'node:crypto';
import { Receipt } from '#proto/gate/v1/gate.js';

/** The receipt with its digest: SHA-256, in hex, over the encoding of every other field. */
export function sealReceipt(receipt: Omit<Receipt, 'digest'>): Receipt {
  const bytes = Receipt.encode({ ...receipt, digest: '' }).finish();
  return { ...receipt, digest: createHash('sha256').update(bytes).digest('hex') };
}
