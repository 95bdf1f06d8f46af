import type { Metadata } from '@grpc/grpc-js';
import { PaneletError } from '#common/errors/errors.js';
import { verifiedCallKey, type VerifiedCall, type VerifiedCalls } from '../front/calls/verified-calls.js';

/** Reads who calls from what the front set. Throws IDENTITY_MISSING for calls that did not come through the front. */
export type CallerReader = (metadata: Metadata) => VerifiedCall;

/** A reader for the calls of this process. */
export function createCallerReader(calls: VerifiedCalls): CallerReader {
  return (metadata) => {
    const [key] = metadata.get(verifiedCallKey);
    const call = typeof key === 'string' ? calls.find(key) : undefined;
    if (call !== undefined) return call;
    throw new PaneletError('IDENTITY_MISSING', 'This service is reached through the port of the agent only.');
  };
}
