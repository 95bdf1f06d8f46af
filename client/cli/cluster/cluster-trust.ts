import { isPaneletError } from '#common/errors/errors.js';
import { nodeServerName } from '#common/node-server-name.js';
import { isThisMachine, type TlsOption } from '../../connect/endpoint-address.js';
import { readClusterCa, type CredentialDeps } from './cluster-credentials.js';

/**
 * How connections to the agents of a cluster are protected: with the cluster's own authorities, where none were given. A cluster
 * that has none is spoken to in plaintext on this machine only.
 */
export class ClusterTrust {
  readonly #deps: CredentialDeps;
  readonly #given: TlsOption;
  /** Nodes of a cluster without authorities, at addresses of this machine. */
  readonly #plaintext = new Set<string>();
  #ca: Extract<TlsOption, object>['ca'];
  #reading: Promise<void> | undefined;

  /** @param given what the command line says */
  constructor(deps: CredentialDeps, given: TlsOption) {
    this.#deps = deps;
    this.#given = given;
    this.#ca = typeof given === 'object' ? given.ca : undefined;
  }

  /**
   * Reads the authorities again, where they were not given.
   * @param direct address of the node's agent, where no forward leads there
   * @throws saying what to give instead
   */
  async renew(node: string, direct: string | undefined): Promise<void> {
    const given = this.#given;
    if (given === 'plaintext' || (typeof given === 'object' && given.ca !== undefined)) return;
    this.#reading ??= this.#readCa().finally(() => (this.#reading = undefined));
    try {
      await this.#reading;
      this.#plaintext.delete(node);
    } catch (error) {
      const isHere = given === 'auto' && direct !== undefined && isThisMachine(direct);
      if (!isHere || !isPaneletError(error, 'API_NOT_FOUND')) throw error;
      this.#plaintext.add(node);
    }
  }

  /** Protection of connections to the agent of a node now. */
  tls(node: string): TlsOption {
    const given = this.#given;
    if (given === 'plaintext' || this.#plaintext.has(node)) return 'plaintext';
    const serverName = (typeof given === 'object' ? given.serverName : undefined) ?? nodeServerName(node);
    return { ...(this.#ca === undefined ? {} : { ca: this.#ca }), serverName };
  }

  async #readCa(): Promise<void> {
    try {
      this.#ca = await readClusterCa(this.#deps);
    } catch (error) {
      // What was trusted before is better than nothing while the API server is away.
      if (this.#ca === undefined) throw error;
    }
  }
}
