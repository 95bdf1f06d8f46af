import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'puppeteer-core';

/** Another program's page on this machine. */
export interface Stranger {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves a page without anything in it, at a port of its own. */
export async function startStranger(): Promise<Stranger> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>Stranger</title><body>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a page has got of a board; `refused` where it got nothing. */
export type Got = Readonly<Record<'read' | 'asked' | 'askedBlindly' | 'script' | 'socket', string>>;

/** Has a page try all that pages can, with a good key: to read the board's page, to have something restarted, to run its script, to follow it. */
export function tryBoard(page: Page, origin: string, key: string): Promise<Got> {
  return page.evaluate(
    async (board, good) => {
      const body = JSON.stringify({ target: 'panelet-agent', reason: 'asked for by a stranger' });
      const post = { method: 'POST', body, credentials: 'include' } as const;
      const ask = (path: string, how: RequestInit): Promise<string> =>
        fetch(board + path, how).then(
          async (answer) => (answer.ok ? (await answer.text()).slice(0, 40) : `refused`),
          () => 'refused',
        );
      const script = new Promise<string>((resolve) => {
        const element = document.createElement('script');
        element.onload = () => resolve('loaded');
        element.onerror = () => resolve('refused');
        element.src = `${board}/board.js`;
        document.body.append(element);
      });
      const socket = new Promise<string>((resolve) => {
        const opened = new WebSocket(`${board.replace('http', 'ws')}/live`);
        opened.onopen = () => opened.send(JSON.stringify({ kind: 'hello', key: good }));
        opened.onmessage = ({ data }) => resolve(String(data).slice(0, 17));
        opened.onclose = () => resolve('refused');
      });
      return {
        read: await ask('/', {}),
        asked: await ask('/plan', { ...post, headers: { 'Content-Type': 'application/json', 'Panelet-Key': good } }),
        askedBlindly: await ask('/restart', { ...post, mode: 'no-cors' }),
        script: await script,
        socket: await socket,
      };
    },
    origin,
    key,
  );
}

/** Has a page put an address into a frame. @returns what is in the frame then */
export async function frame(page: Page, address: string): Promise<string> {
  await page.evaluate(
    (shown) =>
      new Promise((resolve) => {
        const element = document.createElement('iframe');
        element.onload = resolve;
        element.src = shown;
        document.body.append(element);
      }),
    address,
  );
  return page.frames().at(-1)?.url() ?? '';
}
