import type { AddressInfo, Server } from 'node:net';
import { PaneletError } from '../errors/errors.js';

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
}

/**
 * Lets a server listen and resolves with its port.
 * @throws PaneletError PORT_TAKEN when something else listens there; CONFIG_INVALID when the address cannot be used.
 */
export function listenOn(server: Server, { host, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const taken = error.code === 'EADDRINUSE';
      const message = taken
        ? `Something else listens on ${host}:${port}. Stop it, or change the address.`
        : `Cannot listen on ${host}:${port}: ${error.message}. Change the address.`;
      reject(new PaneletError(taken ? 'PORT_TAKEN' : 'CONFIG_INVALID', message, { cause: error }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
