import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { badRequest } from '../store/refusals.js';
import { StatusError } from '../store/status-error.js';
import { parseMediaTypes } from './media-type.js';

// The limit of the real server.
const maxBytes = 3 * 1024 * 1024;

/** Text of a request's body. @throws StatusError RequestEntityTooLarge. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) {
      throw new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxBytes}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
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
export function parseText(text: string, isYaml: boolean): unknown {
  try {
    return isYaml ? (parseYaml(text) as unknown) : (JSON.parse(text) as unknown);
  } catch (error) {
    throw badRequest(`couldn't parse the body: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Body of a create, an update or a delete, as a value; undefined when it is empty.
 * @throws StatusError UnsupportedMediaType, BadRequest, RequestEntityTooLarge.
 */
export async function readValue(request: IncomingMessage): Promise<unknown> {
  const type = contentTypeOf(request);
  const text = await readBody(request);
  if (text.trim() === '') return undefined;
  const isYaml = type === 'application/yaml';
  if (!isYaml && type !== 'application/json') throw unsupportedMediaType(['application/json', 'application/yaml']);
  return parseText(text, isYaml);
}
