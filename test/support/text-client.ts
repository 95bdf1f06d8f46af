import { Channel } from '#proto/session/v1/session.js';
import { LinkClient } from './link-client.js';

/** A client that keeps the text of what it gets. */
export class TextClient extends LinkClient {
  text = '';
  override read(): void {
    for (let item = this.link.endpoint.read(); item !== undefined; item = this.link.endpoint.read()) {
      if (item.kind === 'data') this.text += Buffer.from(item.payload).toString();
      else this.items.push(item);
    }
  }
  type(text: string): void {
    this.link.endpoint.writeData(Channel.STDIN, Buffer.from(text));
    this.pump();
  }
  /** Resolves with the match. */
  async shows(pattern: RegExp, timeoutMs = 8_000): Promise<RegExpExecArray> {
    const started = performance.now();
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      if (performance.now() - started > timeoutMs) throw new Error(`${String(pattern)} is not in ${this.text}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
