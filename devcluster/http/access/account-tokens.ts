/** Token of the ServiceAccount of that name, or undefined when it has none. */
export type AccountTokens = (namespace: string, name: string) => string | undefined;
