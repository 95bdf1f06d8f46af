import type { ServerResponse } from 'node:http';
import type { Log } from '#common/log.js';
import { StatusError } from '../../store/status-error.js';
import { messageOf } from '#common/errors/errors.js';

/** Sends a value as JSON. */
export function sendJson(
  response: ServerResponse,
  httpCode: number,
  value: unknown,
  contentType = 'application/json',
): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(httpCode, { 'content-type': contentType, 'content-length': body.length });
  response.end(body);
}

/** Sends plain text. */
export function sendText(response: ServerResponse, httpCode: number, text: string): void {
  response.writeHead(httpCode, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}

/** Sends the Status of an error; one that is no StatusError is our fault: it is logged and told as such. */
export function sendError(response: ServerResponse, error: unknown, log: Log): void {
  const isRefusal = error instanceof StatusError;
  if (!isRefusal) log.error({ err: error }, 'Request failed');
  const { status } = isRefusal
    ? error
    : new StatusError(500, 'InternalError', `Internal error occurred: ${messageOf(error)}`);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const seconds = status.details?.retryAfterSeconds;
  if (seconds !== undefined) response.setHeader('retry-after', seconds);
  sendJson(response, status.code, status);
}

/** Tells a client of something it should know; kubectl prints `Warning: …`. */
export function addWarning(response: ServerResponse, text: string): void {
  const quoted = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replace(/[\r\n]+/g, ' ');
  response.appendHeader('warning', `299 - "${quoted}"`);
}
