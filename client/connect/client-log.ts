/** Where the SDK says what it does. A logger of pino is one, and so is `console`. It is told no tokens and no content. */
export interface ClientLog {
  /** @param values what the message is about, for example `err` */
  debug(values: object, message: string): void;
  error(values: object, message: string): void;
}

/** Says nothing. */
export const silentLog: ClientLog = { debug: () => undefined, error: () => undefined };
