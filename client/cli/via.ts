/** How the agent of a node is reached: through the API server, or at its own address. */
export type Via = 'port-forward' | 'address';

/** Every {@link Via}; the first is the default. */
export const vias = ['port-forward', 'address'] as const satisfies readonly Via[];
