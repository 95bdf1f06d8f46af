import { connect } from 'node:tls';

/**
 * Whether a TLS port for HTTP/2 takes a peer that shows no certificate, or this one: whether it says anything after the handshake.
 * In TLS 1.3 the peer's own part of the handshake is over before the server has looked at its certificate.
 */
export function letsIn(
  address: string,
  pair: { readonly cert?: string; readonly key?: string } = {},
): Promise<boolean> {
  const [host = '', port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'], ...pair });
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(false));
  });
}
