/** Every {@link Via}. */
export const vias = ['port-forward', 'address'] as const;

/** How the agent of a node is reached: through the API server, or at its own address. */
export type Via = (typeof vias)[number];
