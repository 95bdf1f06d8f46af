import { request } from 'node:http';
import { text } from 'node:stream/consumers';

/** What a server on this machine has answered. */
export interface PortAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What it is asked. */
export interface PortQuestion {
  readonly method: string;
  readonly path: string;
  /** As they are, `host` too. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** @default empty */
  readonly body?: string;
}

/** Asks a port of 127.0.0.1, by a connection of its own. */
export function askPort(port: number, { body = '', ...question }: PortQuestion): Promise<PortAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...question, host: '127.0.0.1', port, agent: false }, (response) => {
      const { statusCode: status = 0, headers } = response;
      text(response).then((said) => resolve({ status, headers, body: said }), reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
