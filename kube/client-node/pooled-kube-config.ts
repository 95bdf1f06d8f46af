import { createHash } from 'node:crypto';
import type { AgentOptions } from 'node:https';

import { KubeConfig, type Cluster, type DispatcherOptions, type RequestContext } from '@kubernetes/client-node';

type Dispatcher = NonNullable<ReturnType<RequestContext['getDispatcher']>>;

/**
 * A KubeConfig that keeps its connections. The library makes a new pool for every request; here all requests share one
 * until the certificates in it change.
 */
export class PooledKubeConfig extends KubeConfig {
  private dispatcher: Dispatcher | undefined;
  private ownDigest = '';
  private latestDigest = '';

  override createDispatcherOptions(cluster: Cluster | null, agentOptions: AgentOptions): DispatcherOptions {
    const options = super.createDispatcherOptions(cluster, agentOptions);
    this.latestDigest = createHash('sha256').update(JSON.stringify(options)).digest('hex');
    return options;
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context);
    const fresh = context.getDispatcher();
    if (fresh === undefined) return;
    if (this.dispatcher === undefined || this.ownDigest !== this.latestDigest) {
      // Requests under way finish on the old pool.
      void this.dispatcher?.close();
      this.dispatcher = fresh;
      this.ownDigest = this.latestDigest;
    }
    context.setDispatcher(this.dispatcher);
  }

  /** Ends every connection, also those in use. */
  async close(): Promise<void> {
    const { dispatcher } = this;
    this.dispatcher = undefined;
    await dispatcher?.destroy();
  }
}
