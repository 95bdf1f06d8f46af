/** A certificate (with its chain) and its key, PEM. */
export interface KeyedCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What this controller shows and trusts on the network. */
export interface TransportCertificates {
  /** Certificates of authorities to trust, PEM. */
  readonly trust: string;
  /** Shown to gates; undefined when it has only a token. */
  readonly client?: KeyedCertificate;
  /** Shown to those who read its metrics. */
  readonly server?: KeyedCertificate;
}

/** Certificates that change while the process runs. */
export interface TransportIdentity {
  /** What to use for a new connection; undefined while there is nothing yet. The same object until something changes. */
  current(): TransportCertificates | undefined;
  /** Calls `listener` after every change. */
  onChange(listener: () => void): void;
}
