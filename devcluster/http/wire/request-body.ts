import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { badRequest } from '../../store/refusals.js';
import { StatusError } from '../../store/status-error.js';
import { parseMediaTypes } from './media-type.js';
import { readProtobufBody } from './protobuf-body.js';
import { messageOf } from '#common/errors/errors.js';

// The limit of the real server.
const maxBytes = 3 * 1024 * 1024;

/** A request's body. @throws StatusError RequestEntityTooLarge. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) {
      throw new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxBytes}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Media type of a request's body; JSON when it says nothing. */
export function contentTypeOf(request: IncomingMessage): string {
  return parseMediaTypes(request.headers['content-type'])[0]?.type ?? 'application/json';
}

/** 415, with the types that are accepted. */
export function unsupportedMediaType(accepted: readonly string[], note = ''): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new StatusError(415, 'UnsupportedMediaType', note === '' ? message : `${note}; ${message}`);
}

/** JSON or YAML as a value. @throws StatusError BadRequest. */
export function parseText(body: Buffer, isYaml: boolean): unknown {
  try {
    const text = body.toString('utf8');
    return isYaml ? (parseYaml(text) as unknown) : (JSON.parse(text) as unknown);
  } catch (error) {
    throw badRequest(`couldn't parse the body: ${messageOf(error)}`);
  }
}

/**
 * Body of a create, an update or a delete, as a value; undefined when it is empty.
 * @throws StatusError UnsupportedMediaType, BadRequest, RequestEntityTooLarge.
 */
export async function readValue(request: IncomingMessage): Promise<unknown> {
  const type = contentTypeOf(request);
  const body = await readBody(request);
  if (body.length === 0) return undefined;
  if (type === 'application/json' || type === 'application/yaml') return parseText(body, type === 'application/yaml');
  const value = type === 'application/vnd.kubernetes.protobuf' ? readProtobufBody(body) : undefined;
  if (value === undefined) throw unsupportedMediaType(['application/json', 'application/yaml']);
  return value;
}
